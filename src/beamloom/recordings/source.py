"""The items of a CBOR sequence in a file, one after the other, whether the file is compressed or not.

A file that ends inside an item, because its writer was killed or the disk was full, gives all its whole items; where it
broke off stays known.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from beamloom.recordings.format import IncompleteItem, item_end

GZIP_MAGIC = b"\x1f\x8b"
READ_SIZE = 1 << 20
"""Bytes read at once; a larger record is read in one piece."""


class GzipReader:
    """Reads gzip members one after the other, up to the last byte that a broken-off file still gives.

    The standard library's reader throws the tail of such a file away.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(wbits=31)

    def read(self, size: int) -> bytes:
        """At least one byte and about ``size`` bytes; empty at the end of the file.

        Raises ValueError where the file is damaged.
        """
        while True:
            compressed = self._member.unconsumed_tail or self._next_compressed()
            try:
                # Without input it gives what it still holds back from a limited read.
                content = self._member.decompress(compressed, size)
            except zlib.error as error:
                raise ValueError(f"the compressed data is damaged ({error})") from error
            if content or not compressed:
                return content

    @property
    def complete(self) -> bool:
        """After the last read: whether the file ends where a member ends."""
        return self._member.eof

    def _next_compressed(self) -> bytes:
        if not self._member.eof:
            return self._file.read(READ_SIZE)
        left = self._member.unused_data or self._file.read(READ_SIZE)
        # Zeros may pad the end of a member (block devices, tape).
        left = left.lstrip(b"\0")
        if left:
            self._member = zlib.decompressobj(wbits=31)
        return left


class ItemSequence:
    """The encoded items of the CBOR sequence in ``path``."""

    def __init__(self, path: Path) -> None:
        # The reader asks for large pieces only, a buffer would copy each once more.
        self._file: BinaryIO = path.open("rb", buffering=0)
        self._gzip: GzipReader | None = None
        magic = self._file.read(2)
        self._file.seek(0)
        if magic == GZIP_MAGIC:
            self._gzip = GzipReader(self._file)
        self._buffer = b""
        self._start = 0
        self.position = 0
        """Where the next item starts, in bytes of the uncompressed content."""
        self.broken_off = False
        """The file has ended inside an item, which starts at ``position``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def compressed(self) -> bool:
        """Whether the file is compressed."""
        return self._gzip is not None

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes without moving on; fewer at the end of the file."""
        while len(self._buffer) - self._start < size and self._read_more(0):
            pass
        return self._buffer[self._start : self._start + size]

    def __iter__(self) -> Iterator[memoryview]:
        """Views of the items; each is valid as long as it is held.

        Raises ValueError at bytes that are not CBOR.
        """
        while True:
            try:
                end = item_end(self._buffer, self._start)
            except IncompleteItem as incomplete:
                if self._read_more(incomplete.needed - len(self._buffer)):
                    continue
                compressed_end = self._gzip is None or self._gzip.complete
                self.broken_off = self._start < len(self._buffer) or not compressed_end
                return
            item = memoryview(self._buffer)[self._start : end]
            self.position += end - self._start
            self._start = end
            yield item

    def _read_more(self, missing: int) -> bool:
        size = max(missing, READ_SIZE)
        content = self._gzip.read(size) if self._gzip else self._file.read(size)
        if not content:
            return False
        pieces = [self._buffer[self._start :], content]
        # A large frame arrives in many pieces from a compressed file: join them once.
        while (missing := missing - len(content)) > 0:
            content = self._gzip.read(missing) if self._gzip else self._file.read(missing)
            if not content:
                break
            pieces.append(content)
        self._buffer = b"".join(pieces)
        self._start = 0
        return True

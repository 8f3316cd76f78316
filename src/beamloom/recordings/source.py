"""The uncompressed content of a recording's file, a window of it at a time, whether the file is compressed or not.

A file that ends inside an item, because its writer was killed or the disk was full, gives all its whole items; where it
broke off stays known.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from beamloom.events import LaterFrame
from beamloom.recordings.format import CorruptRecording, IncompleteItem, item_end

GZIP_MAGIC = b"\x1f\x8b"
READ_SIZE = 1 << 20
"""Bytes read at once; a larger record is read in one piece."""
HEADS_SIZE = 1 << 12
"""Bytes read at once behind a frame that was passed over: the next one is likely to be passed over, too."""


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


class HeldFile:
    """A file that stays open as long as something in it may be wanted, whatever becomes of its name."""

    _descriptor = -1

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._path = path
        self._descriptor = os.dup(file.fileno())

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def read(self, offset: int, length: int) -> bytes:
        """These bytes. Raises CorruptRecording where the file has become shorter meanwhile, or cannot be read any more."""
        try:
            content = os.pread(self._descriptor, length, offset)
            while len(content) < length:
                rest = os.pread(self._descriptor, length - len(content), offset + len(content))
                if not rest:
                    raise CorruptRecording(
                        f"{self._path} has become shorter while it was read; wait until nobody writes it any more"
                    )
                content += rest
        except OSError as error:
            raise CorruptRecording(f"{self._path} cannot be read any more: {error.strerror}") from error
        return content


class FileFrame(LaterFrame):
    """A frame that was passed over: where it lies in its file, in bytes."""

    __slots__ = ("_file", "_length", "_offset")

    def __init__(self, file: HeldFile, offset: int, length: int) -> None:
        self._file = file
        self._offset = offset
        self._length = length

    def read(self) -> bytes:
        """The frame. Raises CorruptRecording where the file has become shorter meanwhile, or cannot be read any more."""
        return self._file.read(self._offset, self._length)


class Content:
    """The content of ``path``: ``buffer`` holds a part of it, ``position`` is where the next item starts."""

    def __init__(self, path: Path, start: int = 0, *, passes_over: bool = True) -> None:
        """From the item that begins at the byte ``start`` on, which only a file that is not compressed can do.

        ``passes_over``: large frames are read when they are wanted, under the same path.
        """
        self._passes_over = passes_over
        # The reader asks for large pieces only, a buffer would copy each once more.
        self._file: BinaryIO = path.open("rb", buffering=0)
        self._held: HeldFile | None = None
        self._path = path
        self._gzip: GzipReader | None = None
        magic = self._file.read(2)
        self._file.seek(start)
        if magic == GZIP_MAGIC:
            self._gzip = GzipReader(self._file)
        self._size = os.fstat(self._file.fileno()).st_size
        self._heads_size = HEADS_SIZE
        self._at_end = False
        self.buffer = b""
        self.position = start
        """Where the next item starts, in bytes of the uncompressed content."""
        self._next = start
        """Where the next bytes are read."""
        self.offset = start
        """Where the buffer starts; behind ``position`` while frames are passed over."""

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

    @property
    def start(self) -> int:
        """Where the next item starts in the buffer."""
        return self.position - self.offset

    @property
    def broken_off(self) -> bool:
        """When there is no more: whether the file has ended inside an item, which starts at ``position``."""
        complete = self._gzip is None or self._gzip.complete
        return self.position < self.offset + len(self.buffer) or not complete

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes without moving on; fewer at the end of the file."""
        while len(self.buffer) - self.start < size and self.more(0):
            pass
        return self.buffer[self.start : self.start + size]

    def more(self, missing: int) -> bool:
        """Have ``missing`` more bytes in the buffer, or as many as there are, and all from ``position`` on; false when there are none.

        Raises ValueError where the file is damaged.
        """
        if self.offset > self.position:
            if self._at_end:
                return False
            # What lies behind a frame that was passed over needs a larger look.
            wanted = min(16 * self._heads_size, READ_SIZE)
            self._heads_size = max(wanted, len(self.buffer) + missing)
            self._load(self.position)
            return True
        size = max(missing, READ_SIZE)
        content = self._read(size)
        if not content:
            return False
        pieces = [self.buffer[self.start :], content]
        # A large frame arrives in many pieces from a compressed file: join them once.
        while (missing := missing - len(content)) > 0:
            content = self._read(missing)
            if not content:
                break
            pieces.append(content)
        self.buffer = b"".join(pieces)
        self.offset = self.position
        return True

    def _read(self, size: int) -> bytes:
        if self._gzip is not None:
            return self._gzip.read(size)
        content = os.pread(self._file.fileno(), size, self._next)
        self._next += len(content)
        return content

    def pass_over(self, at: int, length: int) -> FileFrame | None:
        """Have in the buffer what lies behind ``length`` bytes at ``at`` of it, without reading these; None where that cannot be."""
        offset = self.offset + at
        if self._gzip is not None or not self._passes_over or offset + length > self._size:
            return None
        self._load(offset + length)
        return FileFrame(self._hold(), offset, length)

    @property
    def held(self) -> HeldFile | None:
        """The file, to read this content from again; None where that cannot be."""
        return None if self._gzip is not None or not self._passes_over else self._hold()

    def _hold(self) -> HeldFile:
        if self._held is None:
            self._held = HeldFile(self._file, self._path)
        return self._held

    def _load(self, offset: int) -> None:
        self.buffer = os.pread(self._file.fileno(), self._heads_size, offset)
        self._next = offset + len(self.buffer)
        self.offset = offset
        self._at_end = len(self.buffer) < self._heads_size

    def look_again(self) -> None:
        """Somebody may have written more meanwhile: what was the end is not taken for it any more. Not for what is compressed."""
        self._load(self.position)
        self._at_end = False

    def back(self) -> None:
        """Have the next item in the buffer again from its start, after something in it was passed over."""
        if self.offset > self.position:
            self._load(self.position)


class ItemSequence:
    """The encoded items of the CBOR sequence in ``path``."""

    def __init__(self, path: Path) -> None:
        self._content = Content(path)
        self.broken_off = False
        """The file has ended inside an item, which starts at ``position``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._content.close()

    @property
    def compressed(self) -> bool:
        """Whether the file is compressed."""
        return self._content.compressed

    @property
    def position(self) -> int:
        """Where the next item starts, in bytes of the uncompressed content."""
        return self._content.position

    def __iter__(self) -> Iterator[memoryview]:
        """Views of the items; each is valid as long as it is held.

        Raises ValueError at bytes that are not CBOR.
        """
        while (item := next_item(self._content)) is not None:
            yield item
        self.broken_off = self._content.broken_off


def next_item(content: Content) -> memoryview | None:
    """The next item as it is, whatever it is; None at the end. Raises ValueError at bytes that are not CBOR."""
    while True:
        try:
            end = item_end(content.buffer, content.start)
        except IncompleteItem as incomplete:
            if content.more(incomplete.needed - len(content.buffer)):
                continue
            return None
        item = memoryview(content.buffer)[content.start : end]
        content.position = content.offset + end
        return item

"""Captures: what a device sent, message by message, in a file.

A capture is a CBOR sequence (RFC 8742); each item is an array of byte strings, the frames of one message. Files whose name ends in
``.gz`` are compressed with gzip. A capture has no event numbers and no streams; what a pipeline recorded of a run is a recording.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import cbor2

from beamloom.errors import UsageError


class _Forward:
    """A file that the decoder reads exactly as far as it needs: one that can seek is read ahead and wound back, slow in gzip."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read = file.read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def read_capture(path: Path | str) -> Iterator[list[bytes]]:
    """The messages in the capture ``path``, one after the other, each as its list of frames.

    Raises FileNotFoundError, and UsageError for a file that is no capture or ends in the middle of a message.
    """
    with open(path, "rb") as plain, gzip.open(plain) if str(path).endswith(".gz") else plain as file:
        decoder = cbor2.CBORDecoder(_Forward(file))  # type: ignore[arg-type]
        number = 0
        while True:
            try:
                if not file.peek(1):
                    return
                message = decoder.decode()
            except (cbor2.CBORDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise UsageError(
                    f"{path} cannot be read past message {number}: {error}; is it a capture, and was it copied whole?"
                ) from None
            if not isinstance(message, list) or not all(isinstance(frame, bytes) for frame in message):
                what = "a recording of a run" if isinstance(message, cbor2.CBORTag) else "something else"
                raise UsageError(
                    f"{path} is no capture but {what}: message {number} is not an array of byte strings"
                    + ("; play it with `beamloom replay`" if isinstance(message, cbor2.CBORTag) else "")
                )
            yield message
            number += 1


def write_capture(path: Path | str, messages: Iterable[Sequence[bytes]]) -> int:
    """Write ``messages`` to ``path``; returns how many. The file appears under its name when it is whole."""
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.part")
    count = 0
    try:
        with gzip.open(unfinished, "wb") if target.suffix == ".gz" else open(unfinished, "wb") as file:
            for message in messages:
                file.write(cbor2.dumps([bytes(frame) for frame in message]))
                count += 1
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return count

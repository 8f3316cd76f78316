"""The JSON headers that detector streams share: a ``htype`` of ``header``, ``image`` or ``series_end``, and what describes an image.

Two readings of the same text: ``read_head`` decodes what a source needs of every packet, as fast as can be; ``read_fields``
decodes all of it, for the parser's objects.
"""

from __future__ import annotations

from typing import Any

import msgspec

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.images import size_in_bytes


class Head(msgspec.Struct, gc=False):
    """What tells the kind, the number and the size of a packet."""

    htype: str
    frame: int | None = None
    msg_number: int | None = None
    shape: tuple[int, ...] | None = None
    type: str | None = None
    compression: str = "none"


_decode_head = msgspec.json.Decoder(Head).decode
_decode_fields = msgspec.json.Decoder(dict[str, Any]).decode

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_head(frame: Any) -> Head:
    """The head of a packet. Raises MalformedPacket."""
    try:
        return _decode_head(frame)
    except _UNREADABLE as error:
        raise MalformedPacket(f"the first frame is no JSON header: {error}") from None


def read_fields(frame: Any) -> dict[str, Any]:
    """All fields of a JSON object. Raises MalformedPacket."""
    try:
        return _decode_fields(frame)
    except _UNREADABLE as error:
        raise MalformedPacket(f"the frame is no JSON object: {error}") from None


def read_json(frame: Any) -> Any:
    """Any JSON. Raises MalformedPacket."""
    try:
        return msgspec.json.decode(frame)
    except _UNREADABLE as error:
        raise MalformedPacket(f"the frame is no JSON: {error}") from None


class BlobSize:
    """Checks the size of uncompressed blobs against their headers; quick while the images of a series are alike."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] | None = None
        self._type: str | None = None
        self._size = 0

    def expected(self, head: Head) -> int:
        """Bytes that the blob must have. Raises MalformedPacket when the header does not say, or describes no array."""
        if head.shape != self._shape or head.type != self._type:
            if head.shape is None or head.type is None:
                raise MalformedPacket("the header of the image has no shape or no type")
            self._size = size_in_bytes(head.shape, head.type)
            self._shape, self._type = head.shape, head.type
        elif head.shape is None:
            raise MalformedPacket("the header of the image has no shape or no type")
        return self._size

    def check(self, head: Head, blob: Any) -> None:
        """Raises MalformedPacket for an uncompressed blob of the wrong size."""
        if head.compression == "none" and len(blob) != self.expected(head):
            shape = list(head.shape or ())
            raise MalformedPacket(
                f"the blob has {len(blob)} bytes, but shape {shape} of {head.type} takes {self._size}"
            )

"""The image in the packets of an event, whatever device it came from.

All devices that send images give them as ``array`` once parsed. Which stream has the camera is found out once, unless it is said; what
opens and closes a series has no image.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

import numpy as np

from beamloom import Event, Packet, PacketKind, UserError

Array = np.ndarray[Any, np.dtype[Any]]


class PackedImage(Protocol):
    """One image as it was sent."""

    @property
    def blob(self) -> Any:
        """Its bytes."""

    @property
    def compression(self) -> str:
        """How they are packed: ``none``, ``bslz4`` and so on."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a pixel."""


class Image:
    """One image."""

    def __init__(self, stream: str, parsed: Any) -> None:
        self.stream = stream
        self.parsed = parsed
        """The packet as the parser of its device has it."""

    @functools.cached_property
    def array(self) -> Array:
        """(rows, columns), read-only, in the byte order of this machine; unpacked when it is first asked for.

        Raises UserError where the packet has no such image.
        """
        array = getattr(self.parsed, "array", None)
        if not isinstance(array, np.ndarray) or array.ndim != 2:
            shape = f"arrays of shape {array.shape}" if isinstance(array, np.ndarray) else "no images"
            raise UserError(
                f"the packets of the stream {self.stream} have {shape}, and images of rows and columns are needed; name the stream "
                "of the camera by the parameter detector_stream"
            )
        return native(array)

    @functools.cached_property
    def packed(self) -> PackedImage | None:
        """The image as it was sent; None where it was not sent as one of rows and columns. Raises what the parser of its device raises."""
        found = getattr(self.parsed, "packed", None)
        return found[0] if isinstance(found, list) and len(found) == 1 and len(found[0].shape) == 2 else None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns. Raises as ``array``."""
        rows, columns = self.array.shape if self.packed is None else self.packed.shape
        return rows, columns

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a pixel. Raises as ``array``."""
        dtype: np.dtype[Any] = self.array.dtype if self.packed is None else self.packed.dtype
        return dtype


class Camera:
    """Finds the image of an event."""

    def __init__(self) -> None:
        self._stream = ""

    def image(self, event: Event, stream: str = "") -> Image | None:
        """The image of ``stream``, or of the only one that has images; None for an event without. Raises UserError.

        Whether a stream that was named has images shows when they are asked for.
        """
        name = stream or self._stream
        if name:
            parsed = data_of(event.streams.get(name))
            return None if parsed is None else Image(name, parsed)
        return self._sought(event)

    def _sought(self, event: Event) -> Image | None:
        parsed_by_name: dict[str, Any] = {}
        unreadable: ValueError | None = None
        for name, packet in event.streams.items():
            try:
                parsed_by_name[name] = data_of(packet)
            except ValueError as error:
                # It may be another stream: rows of encoders in old recordings do not say what they are.
                unreadable = error
        found = [name for name, parsed in parsed_by_name.items() if has_image(parsed)]
        if len(found) > 1:
            raise UserError(
                f"the streams {', '.join(sorted(found))} have images; say by the parameter detector_stream which one is meant"
            )
        if not found and unreadable is not None:
            raise unreadable
        if not found:
            return None
        self._stream = found[0]
        return Image(self._stream, parsed_by_name[self._stream])


def native(array: Array) -> Array:
    """The array itself, or a copy of it where its bytes are in another order than those of this machine: kernels take no other."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def data_of(packet: Packet | None) -> Any:
    """The packet parsed; None where there is none, or it opens or closes its series. Old recordings tell that by its content alone."""
    if packet is None or packet.kind is not PacketKind.DATA:
        return None
    parsed = packet.parse()
    return parsed if getattr(parsed, "packet_kind", PacketKind.DATA) is PacketKind.DATA else None


def has_image(parsed: Any) -> bool:
    """Whether a parsed packet has an image, or several."""
    array = getattr(parsed, "array", None)
    return isinstance(array, np.ndarray) and array.ndim >= 2

"""The image in the packets of an event, whatever device it came from.

All devices that send images give them as ``array`` once parsed. Which stream has the camera is found out once, unless it is said; what
opens and closes a series has no image.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from beamloom import Event, Packet, PacketKind, UserError

Array = np.ndarray[Any, np.dtype[Any]]


class Image(NamedTuple):
    """One image."""

    stream: str
    array: Array
    """(rows, columns), read-only."""
    parsed: Any
    """The packet as the parser of its device has it."""


class Camera:
    """Finds the image of an event."""

    def __init__(self) -> None:
        self._stream = ""

    def image(self, event: Event, stream: str = "") -> Image | None:
        """The image of ``stream``, or of the only one that has images; None for an event without. Raises UserError."""
        name = stream or self._stream
        if name:
            parsed = data_of(event.streams.get(name))
            return None if parsed is None else _image(name, parsed)
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
        return _image(self._stream, parsed_by_name[self._stream])


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


def _image(stream: str, parsed: Any) -> Image:
    array = getattr(parsed, "array", None)
    if not isinstance(array, np.ndarray) or array.ndim != 2:
        shape = f"arrays of shape {array.shape}" if isinstance(array, np.ndarray) else "no images"
        raise UserError(
            f"the packets of the stream {stream} have {shape}, and images of rows and columns are needed; name the stream of the "
            "camera by the parameter detector_stream"
        )
    return Image(stream, array, parsed)

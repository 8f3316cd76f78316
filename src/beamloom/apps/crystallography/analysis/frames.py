"""Frames: the image in the packets of an event, whatever device it came from, and by what it is known.

All devices that send images give them as ``array`` once parsed; where one has several at a time (the thresholds of an Eiger2) the
parameter ``detector_channel`` chooses. Which stream has the detector is found out once, unless it is said.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from beamloom import Event, Packet
from beamloom.apps.crystallography.analysis.inputs import AnalysisInputError
from beamloom.apps.crystallography.geometry.slab import Slab
from beamloom.apps.images import data_of, has_image

Array = np.ndarray[Any, np.dtype[Any]]
_NUMBERS = ("frame", "image_id", "unique_id", "train_id", "number")
_TIMES = ("time_stamp", "timestamp")


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame of the detector."""

    stream: str
    event_id: str
    """What lists call it: its file, or ``stream // number``, the number being that of the device."""
    timestamp: float
    """When it was taken, in seconds as the device counts them; NaN where it does not say."""
    parsed: Any
    """The packet that it came in."""

    @functools.cached_property
    def image(self) -> Array:
        """As the device sent it; unpacked when it is first asked for. Raises AnalysisInputError where there is none."""
        image = getattr(self.parsed, "array", None)
        if not isinstance(image, np.ndarray) or image.ndim < 2:
            raise AnalysisInputError(
                f"the packets of the stream {self.stream} have no images; name the stream of the detector by detector_stream"
            )
        return image


class Streams:
    """Finds the frame of an event."""

    def __init__(self) -> None:
        self._found: str | None = None

    def frame(self, event: Event, stream: str) -> Frame | None:
        """The frame of the detector; None for an event without one. Raises AnalysisInputError where several streams have images."""
        name = stream or self._found
        if name is not None:
            packet = event.streams.get(name)
            parsed = data_of(packet)
            return None if packet is None or parsed is None else _frame(name, packet, parsed)
        images = {
            name: (packet, parsed)
            for name, packet in event.streams.items()
            if has_image(parsed := data_of(packet))
        }
        if len(images) > 1:
            raise AnalysisInputError(
                f"the streams {', '.join(sorted(images))} have images; say by the parameter detector_stream which is the detector"
            )
        for name, (packet, parsed) in images.items():
            self._found = name
            return _frame(name, packet, parsed)
        return None


def as_slab(image: Array, slab: Slab, channel: int) -> Array:
    """``image`` as the geometry has it. Raises AnalysisInputError, GeometryError."""
    if image.ndim == 3 and image.shape != slab.shape and image.shape[1:] == slab.shape:
        if channel >= len(image):
            raise AnalysisInputError(
                f"detector_channel is {channel}, but frames have {len(image)} images; give 0 to {len(image) - 1}"
            )
        image = image[channel]
    return slab.of(image)


def _frame(name: str, packet: Packet, parsed: Any) -> Frame:
    return Frame(name, _event_id(name, packet, parsed), _time(parsed), parsed)


def _event_id(name: str, packet: Packet, parsed: Any) -> str:
    file = getattr(parsed, "file", None)
    if isinstance(file, str) and file:
        return file
    for attribute in _NUMBERS:
        number = getattr(parsed, attribute, None)
        if isinstance(number, int):
            return f"{name} // {number}"
    return name if packet.number is None else f"{name} // {packet.number - 1}"


def _time(parsed: Any) -> float:
    for attribute in _TIMES:
        time = getattr(parsed, attribute, None)
        if isinstance(time, int | float):
            return float(time)
    return math.nan

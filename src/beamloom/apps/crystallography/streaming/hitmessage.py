"""A hit as CrystFEL reads it from OM: one MessagePack map, numpy arrays by the convention of msgpack-numpy 0.4.

The message is made in one piece of memory in which the pixels are converted where they will stay, as numpy lets other threads run while
it does that.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any, Protocol

import msgpack
import numpy as np
import numpy.typing as npt

from beamloom.apps.crystallography.streaming.settings import Pixels, StreamError

PEAK_FIELDS = ("fs", "ss", "intensity", "num_pixels", "max_pixel_intensity", "snr")
_MOST_BYTES = (1 << 32) - 1
"""MessagePack writes the length of bytes in four of them."""


class PeakList(Protocol):
    """What a search found: arrays of the same length, as `beamloom.apps.crystallography.Peaks`."""

    @property
    def fs(self) -> npt.NDArray[Any]: ...
    @property
    def ss(self) -> npt.NDArray[Any]: ...
    @property
    def intensity(self) -> npt.NDArray[Any]: ...
    @property
    def num_pixels(self) -> npt.NDArray[Any]: ...
    @property
    def max_pixel_intensity(self) -> npt.NDArray[Any]: ...
    @property
    def snr(self) -> npt.NDArray[Any]: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrameInfo:
    """What is said of a frame besides its pixels and peaks."""

    event_id: str
    timestamp: float
    """Seconds since 1970."""
    beam_energy: float
    """In eV."""
    detector_distance: float
    """In mm."""
    source: str = ""
    configuration_file: str = ""
    optical_laser_active: bool | None = None
    """None: the message does not speak of it, as those of OM before 2025."""


def hit_message(
    frame: npt.NDArray[Any], peaks: PeakList, info: FrameInfo, pixels: Pixels = "float32"
) -> memoryview:
    """The message of one hit; ``frame`` is the slab, ``(ss, fs)``. Raises StreamError for a frame that has not two dimensions."""
    if frame.ndim != 2:
        raise StreamError(
            f"a frame of shape {frame.shape} cannot be streamed; lay its panels out in one array of two dimensions (Slab.of)"
        )
    kind = np.dtype("<i4" if pixels == "int32" and frame.dtype.kind in "ui" else "<f4")
    length = frame.size * kind.itemsize
    if length > _MOST_BYTES:
        raise StreamError(
            f"a frame of {frame.size} pixels is more than a message can hold (4 GB); stream binned frames"
        )
    head, tail = _head(frame.shape, kind, length, info), _tail(peaks, info)
    whole = np.empty(len(head) + length + len(tail), np.uint8)
    whole[: len(head)] = np.frombuffer(head, np.uint8)
    place = np.ndarray(frame.shape, kind, buffer=whole.data, offset=len(head))
    _convert(frame, place)
    whole[len(head) + length :] = np.frombuffer(tail, np.uint8)
    return whole.data


def _head(shape: tuple[int, ...], kind: np.dtype[Any], length: int, info: FrameInfo) -> bytes:
    packer = msgpack.Packer(autoreset=False)
    packer.pack_map_header(8 + (info.optical_laser_active is not None))
    packer.pack("detector_data")
    packer.pack_map_header(5)
    for item in (b"nd", True, b"type", kind.str, b"kind", b"", b"shape", list(shape), b"data"):
        packer.pack(item)
    return bytes(packer.bytes()) + _bytes_of(length)


def _bytes_of(length: int) -> bytes:
    if length < 1 << 8:
        return struct.pack(">BB", 0xC4, length)
    if length < 1 << 16:
        return struct.pack(">BH", 0xC5, length)
    return struct.pack(">BI", 0xC6, length)


def _tail(peaks: PeakList, info: FrameInfo) -> bytes:
    found: dict[str, Any] = {"num_peaks": len(peaks.fs)}
    for name in PEAK_FIELDS:
        # CrystFEL reads no integers here.
        found[name] = np.asarray(getattr(peaks, name), np.float64).tolist()
    packer = msgpack.Packer(autoreset=False)
    said: list[tuple[str, Any]] = [
        ("peak_list", found),
        ("beam_energy", float(info.beam_energy)),
        ("detector_distance", float(info.detector_distance)),
        ("event_id", info.event_id),
        ("timestamp", float(info.timestamp)),
        ("source", info.source),
        ("configuration_file", info.configuration_file),
    ]
    if info.optical_laser_active is not None:
        said.append(("optical_laser_active", bool(info.optical_laser_active)))
    for name, value in said:
        packer.pack(name)
        packer.pack(value)
    return bytes(packer.bytes())


def _convert(frame: npt.NDArray[Any], place: npt.NDArray[Any]) -> None:
    if place.dtype.kind == "i" and not np.can_cast(frame.dtype, place.dtype):
        # The highest count of 32 bits means "no value" for most detectors, and must not become a negative number.
        most = np.iinfo(place.dtype).max
        np.copyto(
            place, np.minimum(frame, frame.dtype.type(min(most, np.iinfo(frame.dtype).max))), casting="unsafe"
        )
    else:
        np.copyto(place, frame, casting="unsafe")

"""HDF5 files, NeXus and NXmx among them: whole ones, growing ones, and series of several files, as Eiger and Jungfrau write them.

A packet is a JSON header, and for an image its pixels as they are in the file: a compressed chunk stays compressed, and is unpacked by
whoever asks for ``array``. Frames are numbered by their index in the series.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.file_reading.background import BackgroundSource, Item, Reading
from beamloom.devices.file_reading.packets import read_header
from beamloom.devices.file_reading.read_ahead import in_order
from beamloom.devices.file_reading.urls import path_of
from beamloom.devices.hdf5.series import TYP, SeriesReader
from beamloom.devices.hdf5.simulator import Hdf5Simulator, generate
from beamloom.devices.images import Image, PackedImage, decode_image, pixel_type
from beamloom.errors import UsageError
from beamloom.events import PacketKind


class NeedsH5py(UsageError, ValueError):
    """The package that reads HDF5 is not installed."""


class Hdf5Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``hdf5`` in the pipeline file."""

    url: str
    """The file, ``file:///data/run_1_master.h5`` or its path alone; with ``*``, ``?`` or ``[]`` several files that follow each other,
    10 behind 9."""
    dataset: str = ""
    """The stack of frames, or the group with the links to it, as ``/entry/data/data``; by default NeXus' default signal, then
    ``/entry/data/data``, then the first stack of images. The first axis counts the frames."""
    follow: bool = False
    """Whether the files are still written, or not yet there: the series ends when an entry has its ``end_time``, when the run has all
    its frames, or after ``idle_seconds``."""
    idle_seconds: float = 10.0
    """How long after its last growth a file is taken to be whole; waiting for the first frame has no end."""
    poll_seconds: float = 0.02
    """How often a growing file is looked at. Files of writers without SWMR are opened again each time that they have changed."""
    queue_bytes: int = 256 * 2**20
    """How far reading runs ahead of the run, in bytes."""
    readers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """How many chunks are read at a time, and unpacked where they are not passed on as they are."""


class Hdf5Start(Fields):
    """A series begins."""

    packet_kind = PacketKind.START

    file: str
    """The file, or the pattern, of the settings."""
    dataset: str
    shape: list[int]
    """Of one frame."""
    dtype: str
    compression: str
    attributes: dict[str, dict[str, Any]]
    """Of the file, the dataset and the groups above it, by the name of the object."""
    values: dict[str, Any]
    """The small datasets of the (master) file by name, as ``/entry/instrument/beam/incident_wavelength``."""


class Hdf5Frame(Fields):
    """One frame."""

    frame: int
    """Its index in the series, from 0."""
    shape: list[int]
    dtype: str
    compression: str
    """``none``, or one of the names that ``codecs`` has, as ``bslz4``, ``bszstd``, ``lz4``, ``zstd``, ``gzip``, ``shuffle-gzip``."""
    blob: Any
    """The pixels as they are in the file."""

    @functools.cached_property
    def array(self) -> Image:
        """The pixels, read-only, of ``shape``; unpacked when they are first asked for.

        Raises MalformedPacket where the blob does not hold that.
        """
        return decode_image(self.blob, self.shape, self.dtype, self.compression)

    @property
    def packed(self) -> list[PackedImage]:
        """``array`` as it is in the file."""
        return [PackedImage(self.blob, self.compression, tuple(self.shape), pixel_type(self.dtype))]


class Hdf5End(Fields):
    """The series is complete."""

    packet_kind = PacketKind.END

    frames: int
    """How many there were, those among them that were never written."""
    reason: str
    """Why there are no more."""


Hdf5Packet = Hdf5Start | Hdf5Frame | Hdf5End


class _Head(msgspec.Struct, gc=False):
    """What every header has, and what that of an image must have."""

    type: str
    frame: int = 0
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    compression: str = "none"


def parse(packet: RawPacket) -> Hdf5Packet:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    head, fields = read_header(frames, _Head)
    match head.type:
        case "start":
            return Hdf5Start(**fields)
        case "end":
            return Hdf5End(**fields)
        case "image" if head.shape is not None:
            fields.pop("blob", None)
            return Hdf5Frame(**fields | {"compression": head.compression}, blob=frames[1])
    raise MalformedPacket(
        f"the header has the type {head.type!r} and the shape {head.shape}; known are start, image and end"
    )


def _require_h5py() -> None:
    if importlib.util.find_spec("h5py") is None:
        raise NeedsH5py(
            "reading HDF5 needs the package h5py, which is not installed; install it with pip install 'beamloom[files]'"
        )


def source(settings: Hdf5Settings) -> BackgroundSource:
    """The frames of one file or several. Raises ValueError for an address that cannot be right; its ``open`` raises NeedsH5py."""
    path = path_of(settings.url)

    def read_series(reading: Reading, frames: int | None) -> Iterator[Item]:
        if importlib.util.find_spec("hdf5plugin") is not None:
            # Its import brings HDF5 the filters for what is not unpacked here.
            importlib.import_module("hdf5plugin")
        # Frames are counted by their places in the files.
        reading.bearing = {}
        reader = SeriesReader(
            path,
            settings.dataset,
            follow=settings.follow,
            idle_seconds=settings.idle_seconds,
            poll_seconds=settings.poll_seconds,
            frames=frames,
        )
        return in_order(
            reader.items(reading),
            reading,
            readers=settings.readers,
            ahead_bytes=settings.queue_bytes,
            name=f"reads {settings.url}",
        )

    return BackgroundSource(settings.url, read_series, settings.queue_bytes, _require_h5py)


DEVICE = Device(
    name="hdf5",
    title="HDF5, NeXus and NXmx files, whole or growing",
    settings=Hdf5Settings,
    source=source,
    simulator=Hdf5Simulator,
    generate=generate,
    parse=parse,
    bind="./simulated_*.h5",
)

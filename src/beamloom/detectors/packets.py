"""The packets of a detector's tiles as one packet, beside those of their streams.

An event holds the packets of all its streams, and for each detector of which a tile is there one packet more, under the detector's
name. It refers to the tiles' frames and copies none; the frame is put together when ``array`` is first asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np

from beamloom.detectors.geometry import Detector, Detectors
from beamloom.detectors.placing import Image, TilesDoNotFit, place
from beamloom.events import Packet, PacketKind

TYP = "TILES"

T = TypeVar("T")


class DetectorPacket(Packet, gc=True, kw_only=True):
    """The packets of a detector's tiles; ``frames`` are those of all tiles, one after the other."""

    name: str
    """The detector."""
    detector: Detector
    tiles: dict[str, Packet]
    """By stream, in the order of the geometry."""

    def get_bytes(self) -> DetectorPacket:
        """The same packet with every frame copied into ``bytes``."""
        tiles = {stream: packet.get_bytes() for stream, packet in self.tiles.items()}
        return detector_packet(self.name, self.detector, tiles)

    def parse(self) -> DetectorStart | DetectorData | DetectorEnd:
        """The tiles as the objects of their devices' parsers. Raises as those do."""
        tiles = {stream: packet.parse() for stream, packet in self.tiles.items()}
        # A recording does not keep the kinds of packets; the parsers know them.
        kinds = {
            stream: PacketKind(getattr(tile, "packet_kind", self.tiles[stream].kind))
            for stream, tile in tiles.items()
        }
        match _common(kinds.values()):
            case PacketKind.START:
                return DetectorStart(self.name, tiles)
            case PacketKind.END:
                return DetectorEnd(self.name, tiles)
        missing = [stream for stream in self.detector.streams if kinds.get(stream) is not PacketKind.DATA]
        return DetectorData(self.name, self.detector, tiles, tuple(missing))


@dataclass(frozen=True)
class DetectorStart:
    """The tiles open their series."""

    packet_kind: ClassVar[PacketKind] = PacketKind.START

    name: str
    tiles: dict[str, Any]
    """What each stream sent, parsed."""


@dataclass(frozen=True)
class DetectorEnd:
    """The tiles close their series."""

    packet_kind: ClassVar[PacketKind] = PacketKind.END

    name: str
    tiles: dict[str, Any]
    """What each stream sent, parsed."""


@dataclass(frozen=True)
class DetectorData:
    """One frame of a detector."""

    packet_kind: ClassVar[PacketKind] = PacketKind.DATA

    name: str
    detector: Detector
    tiles: dict[str, Any]
    """What each stream sent, parsed."""
    missing: tuple[str, ...]
    """The tiles that have no image in this event, as the trigger map says; their pixels are those of a gap."""

    @functools.cached_property
    def array(self) -> Image:
        """The frame, (rows, columns), or with the leading axes that all tiles have; put together when it is first asked for.

        It belongs to who asks, and may be written to. Raises TilesDoNotFit, and what the tiles' parsers raise when they unpack.
        """
        try:
            images = {
                stream: _image(stream, tile)
                for stream, tile in self.tiles.items()
                if stream not in self.missing
            }
            return place(self.detector, images)
        except TilesDoNotFit as problem:
            raise TilesDoNotFit(f"detector {self.name!r}: {problem}") from None

    @property
    def data(self) -> Image:
        """``array``, as analyses of single streams call it."""
        return self.array

    @property
    def frame(self) -> Any:
        """What the tiles call this frame; None where they give it no number, or do not agree."""
        return _common(
            getattr(tile, "frame", None) for stream, tile in self.tiles.items() if stream not in self.missing
        )


def _common(values: Iterable[T | None]) -> T | None:
    """What all values are; None where they differ or there are none."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


def _image(stream: str, tile: Any) -> Image:
    image = getattr(tile, "array", None)
    if not isinstance(image, np.ndarray):
        raise TilesDoNotFit(
            f"what stream {stream!r} sends has no image under 'array'; take it out of the tiles of its detector"
        )
    return image


def detector_packet(name: str, detector: Detector, tiles: dict[str, Packet]) -> DetectorPacket:
    """The packets of a detector's tiles as one.

    Its number is the one that all tiles have, else None. It starts or ends a series when all of them do.
    """
    kind = _common(packet.kind for packet in tiles.values())
    return DetectorPacket(
        typ=TYP,
        frames=[frame for packet in tiles.values() for frame in packet.frames],
        number=_common(packet.number for packet in tiles.values()),
        kind=PacketKind.DATA if kind is None else kind,
        name=name,
        detector=detector,
        tiles=tiles,
    )


def with_detectors(streams: dict[str, Packet], detectors: Detectors) -> dict[str, Packet]:
    """The packets of an event, and one more for each detector of which a tile is among them."""
    if not detectors:
        return streams
    offered = dict(streams)
    for name, detector in detectors.items():
        tiles = {stream: streams[stream] for stream in detector.streams if stream in streams}
        if tiles:
            offered[name] = detector_packet(name, detector, tiles)
    return offered


def owned(streams: Mapping[str, Packet]) -> dict[str, Packet]:
    """Packets whose frames are plain ``bytes``, each copied once, although a detector shares them with its tiles."""
    copied = {
        stream: packet.get_bytes()
        for stream, packet in streams.items()
        if not isinstance(packet, DetectorPacket)
    }
    detectors = {
        packet.name: packet.detector for packet in streams.values() if isinstance(packet, DetectorPacket)
    }
    return with_detectors(copied, detectors)

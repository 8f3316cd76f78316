"""The series of one camera, as the tests of several ready analyses have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from beamloom import Packet, PacketKind
from beamloom.recordings import Record


def packets_of(messages: Sequence[list[bytes]]) -> list[Packet]:
    """The messages of a whole series as packets: the header, the frames, the end. Frame i is event i + 1."""
    kinds = [PacketKind.START, *[PacketKind.DATA] * (len(messages) - 2), PacketKind.END]
    return [
        Packet("STINS", message, number, kind)
        for number, (message, kind) in enumerate(zip(messages, kinds, strict=True))
    ]


def source_of(packets: Sequence[Packet]) -> type:
    """A class that a replay reads the series from, as the stream ``camera``."""

    class Source:
        def get_source_generators(self) -> list[Iterator[Record]]:
            return [(Record(event, {"camera": packet}) for event, packet in enumerate(packets))]

    return Source

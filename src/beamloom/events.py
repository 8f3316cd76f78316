"""Packets, events and results: what flows through a pipeline.

A device source turns what its device sends into packets; the ingester numbers them; the worker assembles the packets of
one trigger into an event; what the worker returns for it travels to the reducer as a result.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any

import msgspec

Bearing = dict[str, Any]
"""What the next source of a series needs to number the packets that are still to come; plain values, as the device's source says."""


class PacketKind(IntEnum):
    """Where in its series a packet stands."""

    START = 0
    """Opens a series: the header of a detector, the description of a scan."""
    DATA = 1
    """One item of the series: a frame, a spectrum, a row."""
    END = 2
    """Closes a series."""


class UnknownPacketType(LookupError):
    """No installed package brings a parser for packets of this type tag."""


class LaterFrame:
    """A frame that is not in memory yet, on its way inside one process: who gives packets to user code reads it."""

    __slots__ = ()

    def read(self) -> bytes:
        """The bytes. Raises a UserError where they are not there any more."""
        raise NotImplementedError


def in_memory(frames: Iterable[Any]) -> list[Any]:
    """The frames, those that come later read. Raises what reading them raises."""
    return [frame.read() if isinstance(frame, LaterFrame) else frame for frame in frames]


def frame_bytes(frame: Any) -> int:
    """Size of a byte frame in bytes. ``len`` counts items, which in the memory of an array are not bytes."""
    return len(frame) if type(frame) is bytes else memoryview(frame).nbytes


class Packet(msgspec.Struct, gc=False):
    """One item of a stream.

    ``typ`` is the type tag that names the parser. ``frames`` are the byte frames as the device sent them: ``bytes``, or for
    large frames another object with the buffer protocol. ``number`` is the packet's place in its series as the device itself
    counts it, the START packet being 0; None where the protocol carries no number.
    """

    typ: str
    frames: list[Any]
    number: int | None = None
    kind: PacketKind = PacketKind.DATA

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def nbytes(self) -> int:
        """Total size of the frames, in bytes."""
        return sum(map(frame_bytes, self.frames))

    def get_bytes(self) -> Packet:
        """The same packet with every frame copied into ``bytes``."""
        return Packet(self.typ, [bytes(frame) for frame in self.frames], self.number, self.kind)

    def parse(self) -> Any:
        """The packet as the objects of its device's parser.

        Raises UnknownPacketType where no parser is installed for ``typ``, and what the parser raises for a malformed packet.
        """
        return find_parser(self.typ)(self)


class Malformed(msgspec.Struct, gc=False):
    """What a device sent and its source could not read.

    ``takes_place`` says that it certainly stood in the place of one packet: where the protocol carries no numbers, the packets
    after it keep their own places by that.
    """

    reason: str
    frames: list[Any]
    takes_place: bool = False


class Event(msgspec.Struct):
    """The packets of all streams that belong to one trigger, numbered from 0 in a run."""

    event_number: int
    streams: dict[str, Packet]


class Result(msgspec.Struct):
    """What a worker's ``process_event`` returned for one event, or, where its class combines, for several merged into one."""

    event_number: int
    """The event; of several the last."""
    worker: str
    parameters_hash: str
    payload: Any
    epoch: int = 0
    combined: tuple[int, ...] = ()
    """The events that were merged into this result, in their order; empty where it is that of one event."""

    @property
    def events(self) -> tuple[int, ...]:
        """Every event that this result stands for, in their order."""
        return self.combined or (self.event_number,)


Parser = Callable[[Packet], Any]
"""Turns one packet into the objects that its device's documentation speaks of."""

_PARSERS = "beamloom.parsers"
_SHIPPED = {
    "DECTRIS_V2": "dectris_v2",
    "EIGER_LEGACY": "dectris_v1",
    "GENERATOR": "generator",
    "HDF5": "hdf5",
    "IMAGE_FILE": "image_files",
    "JUNGFRAU": "jungfrau",
    "NTNDArray": "pva",
    "PCAP": "pcap",
    "PCAP_RAW": "pandabox",
    "STINS": "stins",
    "adzmq": "adzmq",
    "albaem": "albaem",
    "bluesky": "bluesky",
    "contrast": "contrast",
    "karabo": "karabo",
    "lecroy_9fwdWp6Rq7": "lecroy",
    "sardana": "sardana",
    "xspress": "xspress3",
}
"""By type, the device of this package that has its parser, as its entry points say: to look these up takes 3 ms."""


@functools.cache
def find_parser(typ: str) -> Parser:
    """The parser for packets of type ``typ``: that of this package, or else of an entry point ``beamloom.parsers`` of any installed one."""
    parser: Parser
    if (device := _SHIPPED.get(typ)) is not None:
        parser = importlib.import_module(f"beamloom.devices.{device}").parse
    else:
        parser = _installed_parser(typ)
    return parser


def _installed_parser(typ: str) -> Parser:
    installed = importlib.metadata.entry_points(group=_PARSERS)
    for entry in installed.select(name=typ):
        parser: Parser = entry.load()
        return parser
    raise UnknownPacketType(
        f"no parser is installed for packets of type {typ!r}; installed are {', '.join(sorted(installed.names))}. "
        f"A package adds one with an entry point in the group {_PARSERS!r}."
    )

"""The generator: images, spectra, angles or scan points that are known exactly, made in the ingester itself.

With it a pipeline can be written, tried and loaded before there is any hardware, and whatever an analysis makes of it can be compared with
``truth(settings, item)``. Faults are part of it: items that are missing, broken, late, doubled, or that make all others wait.

A packet is a JSON header, and for an item the bytes of its array, little-endian; items are counted from 0 in the header.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import zmq

from beamloom.devices.device import Device, FrameRoom, Source
from beamloom.devices.encodings.json_headers import read_fields
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.generator.items import (
    Fault,
    GeneratorSettings,
    Kind,
    array_shape,
    array_type,
    fault_of,
    make,
)
from beamloom.devices.images import Image, as_image, size_in_bytes
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.sources.timer import Timer
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Bearing, Malformed, Packet, PacketKind
from beamloom.native import LARGE_FRAME

TYP: Final = "GENERATOR"
HERE: Final = "generator:"
"""The address of packets that are made in this process."""


class GeneratorStart(Fields):
    """A series begins."""

    packet_kind = PacketKind.START

    kind: Kind
    items: int
    """How many there will be; 0 where that is not known."""
    shape: list[int]
    dtype: str
    seed: int


class GeneratorItem(Fields):
    """One image, set of spectra, set of angles or scan point."""

    kind: Kind
    number: int
    """Counted from 0 in the series: the ``item`` of ``truth``."""
    array: Image
    """Read-only. Images: (rows, columns), counts. Spectra: (channels, bins), counts. Encoder: (axes), degrees. Scan: the positions of
    the slow and the fast axis, from -1 to 1."""
    values: dict[str, float]
    """What the array was made of, by the names of ``Truth.values``."""


class GeneratorEnd(Fields):
    """The series is complete."""

    packet_kind = PacketKind.END

    items: int


GeneratorPacket = GeneratorStart | GeneratorItem | GeneratorEnd


def parse(packet: RawPacket) -> GeneratorPacket:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    head = _read_head(frames)
    fields = read_fields(frames[0])
    match fields.pop("type"):
        case "start":
            return GeneratorStart(**fields)
        case "item":
            array = as_image(frames[1], head.shape, head.dtype)
            return GeneratorItem(**{**fields, "array": array})
        case _:
            return GeneratorEnd(**fields)


class _Head(msgspec.Struct, gc=False):
    """What tells the kind, the place and the size of a packet."""

    type: str
    number: int = 0
    items: int = 0
    shape: tuple[int, ...] = ()
    dtype: str = ""


_decode_head = msgspec.json.Decoder(_Head).decode


def _read_head(frames: Sequence[Any]) -> _Head:
    """Raises MalformedPacket for what is not whole."""
    try:
        head = _decode_head(frames[0])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPacket(f"the first frame is no JSON header: {error}") from None
    if head.type not in ("start", "item", "end"):
        raise MalformedPacket(f"the header has the type {head.type!r}; known are start, item and end")
    if len(frames) != (2 if head.type == "item" else 1):
        raise MalformedPacket(f"the packet of type {head.type} has {len(frames)} frames")
    if min(head.number, head.items) < 0:
        raise MalformedPacket("the header has a negative number")
    if head.type == "item" and len(frames[1]) != size_in_bytes(head.shape, head.dtype):
        raise MalformedPacket(
            f"the array has {len(frames[1])} bytes, but shape {list(head.shape)} of {head.dtype} takes "
            f"{size_in_bytes(head.shape, head.dtype)}"
        )
    return head


class GeneratorReader:
    """Tells what the messages of a generator are."""

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the packet, or what is wrong with it."""
        try:
            head = _read_head(frames)
        except MalformedPacket as problem:
            items.append(Malformed(str(problem), frames))
            return
        if head.type == "item":
            items.append(Packet(TYP, frames, head.number + 1))
        elif head.type == "start":
            items.append(Packet(TYP, frames, None, PacketKind.START))
        else:
            items.append(Packet(TYP, frames, head.items + 1, PacketKind.END))


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A message of the generator and when it is due."""

    frames: list[Any]
    item: int
    """After so many items; at a set rate that is when it is due."""
    stalled: float = 0.0
    """Seconds by which all stalls before it have put it off."""


def arrivals(settings: GeneratorSettings, items: int | None, first: int = 0) -> Iterator[Arrival]:
    """All messages of a series of ``items``, None for one without end, in the order in which they come, faults included.

    The items before ``first`` are left out.
    """
    encode = msgspec.json.encode
    pictures: dict[int, tuple[bytes, dict[str, float]]] = {}
    described = {"kind": settings.kind, "shape": array_shape(settings), "dtype": array_type(settings)}

    def message(item: int) -> list[Any]:
        index = item % settings.distinct if settings.distinct else item
        blob, values = pictures.get(index) or _picture(settings, item)
        if settings.distinct and settings.kind in ("images", "spectra"):
            pictures[index] = blob, values
        return [encode({"type": "item", "number": item, **described, "values": values}), blob]

    stalled = 0.0
    opening = encode({"type": "start", "items": items or 0, "seed": settings.seed, **described})
    yield Arrival([opening], first)
    held: list[Arrival] = []
    item = first
    while items is None or item < items:
        fault = fault_of(settings, item)
        if fault is Fault.STALL:
            stalled += settings.stall_seconds
        if fault is not Fault.GAP:
            frames = message(item)
            if fault is Fault.CORRUPT:
                frames = [frames[0][: len(frames[0]) // 2], frames[1]]
            arrival = Arrival(frames, item, stalled)
            if fault is Fault.REORDER:
                held.append(arrival)
            else:
                yield arrival
                if fault is Fault.DUPLICATE:
                    yield arrival
                yield from held
                held.clear()
        item += 1
    yield from held
    yield Arrival([encode({"type": "end", "items": item})], item, stalled)


def _picture(settings: GeneratorSettings, item: int) -> tuple[bytes, dict[str, float]]:
    array, values = make(settings, item)
    return array.tobytes(), values


class GeneratorSource:
    """The packets of one run, made when they are due and read; nothing is lost by reading late."""

    def __init__(self, settings: GeneratorSettings) -> None:
        self._settings = settings
        self._items: int | None = settings.items or None
        self._timer: Timer | None = None
        self._reader = GeneratorReader()
        self._coming: Iterator[Arrival] | None = None
        self._next: Arrival | None = None
        self._begun = 0.0
        self._first = 0
        self._memory: FrameRoom | None = None
        self._wait: float | None = 0.0

    @property
    def bearing(self) -> Bearing | None:
        """As of a RereadableSource: items are counted from the first that is made."""
        return None if self._coming is None else {}

    def reread(self, bearing: Bearing | None, first: int) -> None:
        """As of a RereadableSource; at a set rate the items follow from now on."""
        self._first = max(0, first - 1)

    def write_to(self, memory: FrameRoom) -> None:
        """Large arrays go there."""
        self._memory = memory

    def expect(self, items: int | None) -> None:
        """The run has so many packets of this stream, START and END among them; None: any number. The setting ``items`` goes before."""
        if not self._settings.items:
            self._items = None if items is None else max(items - 2, 0)

    def open(self) -> None:
        """Make ready; the series begins when it is first read. Raises ValueError for an address that is neither here nor elsewhere."""
        if self._settings.url != HERE:
            raise ValueError(
                f"{self._settings.url!r} is no address of a generator; write {HERE} for packets that are made here, "
                "or tcp://host.example.org:9999 for those of another process"
            )
        if self._timer is None:
            self._timer = Timer()
            self._timer.set(0)

    def connected(self) -> bool:
        """Whether it is open."""
        return self._timer is not None

    def connection_problem(self) -> str | None:
        """None once it is open."""
        return None if self._timer is not None else "the generator is not open; call open() first"

    @property
    def pollable(self) -> int:
        """A file descriptor. Raises RuntimeError before ``open`` and after ``close``."""
        return self._open_timer().fd

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """At most ``limit`` items of those that are due; empty when none is. Never waits."""
        timer, now = self._open_timer(), time.monotonic()
        if self._coming is None:
            self._begun = now - (self._first / self._settings.rate if self._settings.rate else 0.0)
            self._coming = arrivals(self._settings, self._items, self._first)
            self._next = next(self._coming)
        items: list[Packet | Malformed] = []
        take = self._reader.take
        while self._next is not None and len(items) < limit and self._due(self._next) <= now:
            take([self._placed(frame) for frame in self._next.frames], items)
            self._next = next(self._coming, None)
        wait = None if self._next is None else max(0.0, self._due(self._next) - now)
        if wait != 0.0 or self._wait != 0.0:
            timer.set(wait)
        self._wait = wait
        return items

    def _placed(self, frame: Any) -> Any:
        """An array in the memory that workers read, where it is large and there is room."""
        if (
            self._memory is None
            or len(frame) < LARGE_FRAME
            or (room := self._memory.take(len(frame))) is None
        ):
            return frame
        room[:] = frame
        return room.toreadonly()

    def close(self) -> None:
        """Forget the series. May be called twice."""
        if self._timer is not None:
            self._timer.close()
        self._timer = self._coming = self._next = None

    def _open_timer(self) -> Timer:
        if self._timer is None:
            raise RuntimeError("the generator is not open; call open() first")
        return self._timer

    def _due(self, arrival: Arrival) -> float:
        after = arrival.item / self._settings.rate if self._settings.rate else 0.0
        return self._begun + after + arrival.stalled


def source(settings: GeneratorSettings) -> Source:
    """The packets that are made here, or a connection to a generator in another process."""
    if settings.url.startswith(("tcp://", "ipc://")):
        return ZmqSource(settings.url, zmq.PULL, settings.receive_queue, GeneratorReader())
    return GeneratorSource(settings)


def simulator(url: str) -> ZmqPlayer:
    """A generator for other processes, bound to ``url``."""
    return ZmqPlayer(url, zmq.PUSH, lambda message: b'"item"' in message[0][:16])


def generate(
    *,
    kind: str = "images",
    items: int = 100,
    shape: Sequence[int] = (),
    dtype: str = "",
    seed: int = 0,
    noise: bool = False,
    distinct: int = 0,
    gap: float = 0.0,
    corrupt: float = 0.0,
    reorder: float = 0.0,
    duplicate: float = 0.0,
) -> Iterator[list[bytes]]:
    """A series: start, ``items`` items, end, as the settings of the same names have it.

    ``kind`` is images, spectra, encoder or scan; ``gap``, ``corrupt``, ``reorder`` and ``duplicate`` are the shares of the items that are
    left out, cannot be read, come behind the next, come twice.
    """
    chosen = {
        "kind": kind,
        "items": items,
        "shape": tuple(shape),
        "dtype": dtype,
        "seed": seed,
        "noise": noise,
        "distinct": distinct,
        "gap": gap,
        "corrupt": corrupt,
        "reorder": reorder,
        "duplicate": duplicate,
    }
    settings = msgspec.convert(chosen, GeneratorSettings)
    return (list(arrival.frames) for arrival in arrivals(settings, items))


DEVICE = Device(
    name="generator",
    title="made-up images, spectra, angles or scan points that are known exactly, in process",
    settings=GeneratorSettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
    packets_are_messages=True,
)

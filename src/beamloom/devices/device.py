"""What every device protocol gives: a source, its settings, a simulator.

A source speaks the device's own protocol on one connection, for the length of one run. It never blocks: the ingester waits on
``pollable`` and then calls ``read``. A source only reads and marks packets; numbering, pairing and loss are the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import msgspec

from beamloom.engine.streams.packet_rows import Arrivals
from beamloom.events import Bearing, Malformed, Packet, PacketKind


class Source(Protocol):
    """One connection to one device, for one run."""

    def open(self) -> None:
        """Begin to connect; returns at once. Raises ValueError with a sentence for an address that cannot be right."""

    def connected(self) -> bool:
        """Whether the device is there and will not send past us. Asked repeatedly while a run is armed."""

    def connection_problem(self) -> str | None:
        """Why there is no connection, in a sentence for people; None when there is one."""

    @property
    def pollable(self) -> Any:
        """A ZeroMQ socket or a file descriptor that becomes readable when ``read`` has something."""

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """At most ``limit`` items of what has arrived, in order of arrival; empty when nothing has. Never waits."""

    def close(self) -> None:
        """Release the connection at once. May be called twice."""


@runtime_checkable
class RowwiseSource(Protocol):
    """What a source has besides that finds packets alike as it reads them."""

    def read_rows(self, limit: int) -> Arrivals:
        """What ``read`` would give, in which packets that follow each other may have become rows."""


@runtime_checkable
class TriggeredSource(Protocol):
    """What a source has besides that produces a packet when the run asks for one: a thermometer, a slow camera."""

    def trigger(self, kinds: Sequence[PacketKind]) -> None:
        """Produce one packet of each kind, in this order; returns at once, ``read`` gives them when they are there."""


@runtime_checkable
class RearmingSource(Protocol):
    """What a source has besides whose device may be armed several times in one run."""

    rearms: bool
    """Whether an END packet that has a number stands in its own place, with more to come, and does not close the stream."""


@runtime_checkable
class EndlessSource(Protocol):
    """What a source has besides whose device neither opens nor closes a series: it makes the START and the END packet itself."""

    def expect(self, items: int | None) -> None:
        """Called before ``open``: the run has ``items`` packets of this stream, START and END among them; None for any number."""


class Sharing(StrEnum):
    """How the packets of one stream come to several clients of its device."""

    DEALT = "dealt"
    """Each packet goes to one of them, to whichever has room: a PUSH socket."""
    ALL = "all"
    """All of them get every packet, and its number tells who keeps it: a PUB socket."""


@runtime_checkable
class SharedSource(Protocol):
    """What a source has besides whose device deals its packets out to several clients.

    Numbers of its packets then count through the whole run, the START packet of the run being 0.
    """

    def share(self, *, one_series: bool) -> None:
        """Called before ``open``: other ingesters receive the rest of the stream. Nothing is read until ``begin_at``.

        ``one_series``: the run has no place for another one, and packets of a series that is begun anew have the numbers of the first.
        """

    @property
    def origin(self) -> int | None:
        """What tells the first series whose START came here from others; None while none did."""

    def begin_at(self, origin: int) -> None:
        """The run's series is the one of which some share has said this ``origin``; what is earlier is discarded."""


@runtime_checkable
class ResumableSource(Protocol):
    """What a source has besides whose packets have numbers of their own, so that another one can go on in the middle of a series."""

    @property
    def bearing(self) -> Bearing | None:
        """What another source needs to number the packets that are still to come; None while no series has begun. Cheap to ask for."""

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """Called before ``open``: the series has begun, and another source has told ``bearing``.

        Packets before the next START are given, too. Returns the item from which their numbers count: that of the START of the series
        within the run. ``one_series``: the run has a place for one series only, and number n is the same item in whichever series.
        Raises ValueError with the end of a sentence, on why packets would have no sure place: it follows the name of the stream.
        """


@runtime_checkable
class RereadableSource(Protocol):
    """What a source has besides whose series can be had again, the same each time: files, and packets that are made from a seed."""

    @property
    def bearing(self) -> Bearing | None:
        """What another source needs to number the packets as this one has; None while no series has begun. Cheap to ask for."""

    def reread(self, bearing: Bearing | None, first: int) -> None:
        """Called before ``open``: another source has given some of the series and told ``bearing``, None if it did not come to that.

        The source gives the START again, and then the packets from number ``first`` on. Raises ValueError with the end of a sentence, on
        why packets might have other numbers than before: it follows the name of the stream.
        """


@runtime_checkable
class ResumableReader(Protocol):
    """What says what a device's messages or bytes mean, where a ResumableSource can be made of that."""

    @property
    def bearing(self) -> Bearing | None:
        """As of a ResumableSource."""

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """As of a ResumableSource."""


@runtime_checkable
class SourceFigures(Protocol):
    """What a source has besides that counts what no packet of the run tells of."""

    @property
    def discarded_before_start(self) -> int:
        """Messages that came before the start of a series, and between series: those of a scan that was joined midway, for one."""

    @property
    def reconnects(self) -> int:
        """How often the connection was there again after it had broken."""


class FrameRoom(Protocol):
    """Memory of the ingester that workers on the same host read in place."""

    def take(self, nbytes: int) -> memoryview | None:
        """Room for one frame, to be written to by this thread or another one; None where there is none.

        It stays taken as long as anything refers to it, a part of it, or an array over it. It, or a part of it without gaps, can
        be a frame of a packet; after that nobody may write there.
        """


@runtime_checkable
class WritingSource(Protocol):
    """What a source has besides that writes its large frames itself: a library that fills a buffer, a file that is read into one."""

    def write_to(self, memory: FrameRoom) -> None:
        """Called before ``open``, where workers may read frames in place: those of 64 KiB and more that are written here are not copied."""


@runtime_checkable
class StandingSource(Protocol):
    """What a source has besides that has to know that it stays open over many runs (``arms: true`` in the pipeline file)."""

    def stand(self) -> None:
        """Called before ``open``: ``read`` is to give one series after the other, for as long as the ingester lives."""


class Prepared(Protocol):
    """What a device keeps open from the start of its ingester to the end."""

    def close(self) -> None:
        """Release it. May be called twice."""


class Prepare(Protocol):
    """Opens what has to be there before the first run and between runs: a port that the device sends to."""

    def __call__(self, settings: Any, /) -> Prepared:
        """Called when the ingester starts. Returns at once; raises ValueError or OSError with a sentence, and is tried again then."""


class Simulator(Protocol):
    """A stand-in for a device that speaks its protocol over a real socket."""

    @property
    def url(self) -> str:
        """Where an ingester connects to, with the port that was really bound."""

    def wait_for_client(self, timeout: float) -> None:
        """Return when somebody listens; raises TimeoutError after ``timeout`` seconds."""

    def play(self, messages: Iterable[Sequence[bytes]], *, rate: float | None = None) -> int:
        """Send the messages, at most ``rate`` data messages per second; returns how many were sent."""

    def close(self) -> None:
        """Send out what is queued, then release the socket."""


@dataclass(frozen=True)
class Device:
    """One device protocol, as the entry points ``beamloom.devices`` name it."""

    name: str
    title: str
    """One line for people, with the transport: "X-ray spectrometer, ZeroMQ SUB"."""
    settings: type[msgspec.Struct]
    """The keys that a stream of this device takes in the pipeline file; has at least ``url``."""
    source: Callable[[Any], Source]
    """Makes a source from the settings."""
    simulator: Callable[[str], Simulator]
    """Binds a simulator to an address; port 0 or ``*`` picks a free one."""
    generate: Callable[..., Iterable[Sequence[bytes]]]
    """A generated series, header to end, as the messages that the device would send; documented keyword arguments."""
    parse: Callable[[Packet], Any]
    prepare: Prepare | None = None
    """Called with the settings when an ingester of the device starts, before any run; the sources of all runs find it open."""
    sharing: Sharing | None = None
    """How a stream of this device may be split over several ingesters; None: it may not."""
    bind: str | None = "tcp://127.0.0.1:*"
    """Where ``beamloom simulate`` binds the simulator when nobody says it; None: it has to be said."""
    packets_are_messages: bool = False
    """Whether a packet has the frames of one message as it was sent, so that the simulator can play what a run has recorded."""

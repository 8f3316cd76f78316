"""A run begins, goes on and ends."""

from __future__ import annotations

from beamloom.detectors.geometry import Detector
from beamloom.engine.accounts.ledger import LedgerNews
from beamloom.engine.assignment import Span
from beamloom.engine.provenance import EpochRecord, RunFacts
from beamloom.engine.ranges import Range
from beamloom.engine.scheduling.editions import EditionMade
from beamloom.engine.streams.rejoining import Rejoin
from beamloom.engine.streams.shares import Share
from beamloom.engine.streams.streamplan import StreamLayout
from beamloom.transport.messages._base import Message


class Arm(Message):
    """Controller → a process: a run begins. Ingesters connect to their devices, user classes are made anew."""

    run: str
    reducer: tuple[str, str]
    """Peer id and address."""
    workers: dict[str, str]
    """Peer ids and addresses."""
    layouts: dict[str, StreamLayout]
    """For an ingester: its streams that take part."""
    epoch: int
    parameters: dict[str, bytes]
    total_events: int | None
    timeout: float
    """Seconds in which an ingester's devices have to be there."""
    record_prefix: str = ""
    shares: dict[str, Share] = {}
    """For an ingester: its share of those streams that it does not receive alone."""
    analyses: list[str] = []
    """The workers' user classes, as module:Class: the reducer may import what their results are made of."""
    detectors: dict[str, Detector] = {}
    """For a worker: the detectors whose tiles it is to offer as one packet."""
    facts: RunFacts | None = None
    """For the reducer: what is known of the run."""
    resume: bool = False
    """For a reducer: the run goes on; take up what a former life has kept of it, and nothing else."""
    rejoins: dict[str, Rejoin] = {}
    """For an ingester: those of its streams that another one has had in this run."""
    pipeline: str = ""
    """Tells pipelines apart, whatever their addresses; the same in all lives of a controller that goes on with its state."""
    feedback: int = 0
    """For a reducer that is to take up a run: the controller has its feedback up to this number."""


class Armed(Message):
    """A process → controller: ready for the run, or why not."""

    run: str
    problem: str | None = None
    absent: bool = False
    """Of an ingester: the problem is a device that did not come up in time."""
    tick_interval: float | None = None
    """Of a worker: it wants to be ticked so often, in seconds."""
    kept: list[str] = []
    """Of an ingester: those of the streams that it has had all along, while it was not heard."""


class Announce(Message):
    """Ingester → controller, while no run reads the stream: a series has begun and waits for a run; told again every second."""

    stream: str


class Joined(Message):
    """Controller → ingesters and reducer: a worker takes part from now on."""

    run: str
    worker: str
    address: str


class Orders(Message):
    """Controller → ingesters and workers: what is to be done. In this order: dropped, gone, settled, close, spans, stop."""

    run: str
    spans: list[Span] = []
    settled: list[Range] = []
    dropped: list[Range] = []
    gone: list[str] = []
    """Workers that get nothing more."""
    close_at: int | None = None
    stop_sources: bool = False
    origins: dict[str, int] = {}
    """For streams with several ingesters: the series that is the run's, by what its device tells it from others."""
    claims: dict[str, list[Span]] = {}
    """For streams that another ingester has had before: leases that were told already, whose workers lack its packet."""
    resync: bool = False
    """Of a new controller: ``spans`` are all leases that there are, ``settled`` all that is settled."""
    spare: list[Range] = []
    """Settled events whose packets are kept, as long as there is room, for a replay of their constraints."""
    over: list[Range] = []
    """To workers: numbers of the lives of constraints that nobody needs any more; to be heeded before the new leases."""


class Coverage(Message):
    """Controller → reducer, a few times a second and at the end: what became of the events of a run since the last time."""

    run: str
    news: LedgerNews
    epochs: list[EpochRecord] = []
    """Parameter epochs that have begun since."""
    finished_at: float | None = None
    """Unix time in seconds at which the run was over; None while it goes on."""
    editions: list[EditionMade] = []
    """Which code has made what by now, where that has changed since the last time."""


class Parameters(Message):
    """Controller → workers and reducer: a new parameter epoch."""

    epoch: int
    values: dict[str, bytes]


class Tick(Message):
    """Controller → one worker: your next event is the one with ``tick``."""

    run: str


class Finish(Message):
    """Controller → a process: every event is settled; call the finish hooks, release the devices."""

    run: str
    abandoned: bool = False
    """The run never began: no hook is to be called."""


class Finished(Message):
    """A process → controller: done."""

    run: str

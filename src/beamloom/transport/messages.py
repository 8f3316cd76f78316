"""Every message between the processes of a pipeline: the whole wire contract.

Each message is one msgspec struct, encoded as msgpack with its sender; large payloads follow as frames of their own. A process is named
by its peer id (``worker-1@3f2a91``), which is new at each start; the controller's is ``controller``, and ``controller#7`` where it is the
seventh that goes on with the same state. ``run`` is the id of a run; a message
about a run that is over is dropped by whoever receives it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from beamloom.detectors.geometry import Detector
from beamloom.engine.assignment import Span
from beamloom.engine.combs import Comb
from beamloom.engine.faults import Death, Failure
from beamloom.engine.ledger import LedgerNews, Loss
from beamloom.engine.provenance import EpochRecord, RunFacts
from beamloom.engine.ranges import Range
from beamloom.engine.rejoining import Rejoin
from beamloom.engine.shares import Share
from beamloom.engine.stream_losses import StreamCounts
from beamloom.engine.streamplan import StreamLayout
from beamloom.events import Bearing

CONTROLLER = "controller"


class Message(msgspec.Struct, tag_field="type", tag=str.lower):
    """Base of all messages; its subclass' name is the tag on the wire."""


# ---- joining and leaving ----------------------------------------------------------------------------------------------------


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What an ingester says of a stream that it does not receive alone."""

    ingesters: int
    """How many they are in all."""
    in_turn: bool
    """Whether the device deals its packets out to them."""


class Register(Message):
    """A process → controller: here I am."""

    name: str
    role: str
    """``ingester``, ``worker``, ``debugworker`` or ``reducer``."""
    address: str
    """Where its mailbox is."""
    host: str
    pid: int
    version: str
    streams: dict[str, str] = {}
    """Of an ingester: its streams, each with the name of its device."""
    parts: dict[str, Part] = {}
    """Of an ingester: those of its streams of which other ingesters receive the rest."""
    tags: list[str] = []
    """Of a worker."""
    descriptions: list[dict[str, Any]] = []
    """The parameters that its user class describes."""
    http: str | None = None
    """Where it serves HTTP, if it does."""
    analysis: str = ""
    """Of a worker: its user class, as module:Class."""
    code: dict[str, str] = {}
    """Version of the user's code: commit_hash, branch_name, timestamp, repository_url."""
    fault: str | None = None
    """Why its user class cannot be used."""
    stateful: bool = False
    """Of a worker: whether its results depend on the events of the same constraint before."""


class Welcome(Message):
    """Controller → a process: you take part."""


class Unknown(Message):
    """Controller → a process: I do not know you (any more); forget what you hold and register."""

    peer: str
    """Whom it does not know: the process may have registered anew since."""
    replaced_by: str | None = None
    """Who has registered under the same name since, if that is why."""


class Heartbeat(Message):
    """A process → controller, several times a second: I live."""

    address: str
    figures: dict[str, float] = {}
    """Counters and gauges of the process, by name."""
    notes: dict[str, Any] = {}
    """What else it has to say of its state."""


class Leaving(Message):
    """A process → controller: I end, for this reason."""

    reason: str


class Pulse(Message):
    """Guard of a worker → controller, in its name: it lives, whether or not it comes to say so."""


class Gone(Message):
    """Guard of a worker → controller, in its name: it is gone."""

    reason: str
    killed: bool
    """Whether its process has ended; else it was stopped, and may wake up."""
    death: Death | None = None
    """Of a process that ended: how."""


class LogRecords(Message):
    """A process → controller: lines of its log."""

    records: list[dict[str, str]]


# ---- a run begins -----------------------------------------------------------------------------------------------------------


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


# ---- while it goes on -------------------------------------------------------------------------------------------------------


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


class PacketBlock(msgspec.Struct, array_like=True):
    """How packets that are alike are laid out in the frames that follow."""

    typ: str
    count: int
    """Number of packets."""
    frames: int
    """Number of frames of each packet."""
    sizes: list[int]
    """Size of each frame, in bytes, or of those of one packet when it is the same for all. Those below INLINE_BYTES are joined in the
    first frame of the message."""
    kind: int
    """PacketKind of all packets."""
    number: int | None
    """The device's own number of the first packet, from which the others count up; None when there are none."""


class Packets(Message):
    """Ingester → worker: packets of consecutive events; their frames follow (see ``packing``)."""

    run: str
    stream: str
    slot: int
    attempt: int
    first: int
    expected: int
    block: PacketBlock


ResultSpan = tuple[int, int, int, int]
"""Slot, parameter epoch, first event, and one past the last, of consecutive results."""


class Results(Message):
    """Worker → reducer: results of some deliveries; those that have one follow as frames."""

    run: str
    sequence: int
    spans: list[ResultSpan]
    """The deliveries, in the order of their results; of several that were merged the last one alone."""
    sizes: list[int]
    """Size of each encoded result, in bytes, one number when it is the same for all; 0 for None. They are joined in the first frame of the
    message."""
    buffers: list[int]
    """Number of frames of large arrays of each result; empty when there are none."""
    combined: list[list[Range]] = []
    """For each result the events that were merged into it, none where it is that of one event; empty when all are."""
    split: list[int] = []
    """Those of the events, or of events whose results follow, that have several deliveries."""


class Taken(Message):
    """Reducer → worker: everything up to this sequence number has been taken."""

    run: str
    sequence: int


class Reduced(Message):
    """Reducer → controller: these deliveries are taken."""

    run: str
    deliveries: list[tuple[str, int, int, int]]
    """Worker, slot, first event, one past the last."""
    split: list[Range] = []
    """Those of the events that have several deliveries."""


class Failed(Message):
    """Worker or reducer → controller: user code failed."""

    run: str
    worker: str
    slot: int
    event: int | None
    """None: in a hook that belongs to no event."""
    failure: Failure
    combined: list[Range] = []
    """All events that failed with this one, as their results were merged."""


class Progress(Message):
    """Ingester → controller: how far a stream has come, and what it has lost."""

    run: str
    stream: str
    complete_until: int
    seen_until: int
    ended: bool
    losses: list[Loss]
    counts: StreamCounts
    stopped: bool = False
    blocked: bool = False
    """Its retention is full: it does not read on before events are settled."""
    discarded_before_start: int | None = None
    """Messages that came before the start of a series, and between series; None where the source does not count them."""
    reconnects: int | None = None
    """How often the connection to the device was there again after it had broken; None where the source does not count them."""
    received: list[Comb] = []
    """Of a share of a stream: the events whose packets have come since the last report."""
    excuses: list[Loss] = []
    """Of a share: why events would be missing that no share has."""
    origin: int | None = None
    """Of a share: the series whose beginning has come to it."""
    again: bool = False
    """Whether all that was told before is in this once more, for a new controller."""
    bearing: Bearing | None = None
    """What another ingester would need to go on with the stream; None while no series has begun, or where it could not."""
    astray: str | None = None
    """Why the stream could not be taken up where another ingester had left it."""
    given_up: list[Range] = []
    """Settled events whose packets could not be kept for a replay of their constraints."""


class Inquire(Message):
    """Controller → workers: the ingester of this stream is gone; say which of your deliveries lack its packet."""

    run: str
    stream: str


class Lacking(Message):
    """Worker → controller, in answer to ``Inquire``: deliveries that are leased to it and have no packet of the stream."""

    run: str
    stream: str
    lacking: dict[int, list[Range]]
    """Events by slot."""


class Coverage(Message):
    """Controller → reducer, a few times a second and at the end: what became of the events of a run since the last time."""

    run: str
    news: LedgerNews
    epochs: list[EpochRecord] = []
    """Parameter epochs that have begun since."""
    finished_at: float | None = None
    """Unix time in seconds at which the run was over; None while it goes on."""


class TakeStock(Message):
    """A new controller → a process: I go on where another one was; say how you stand in this run. None: forget any run that you have."""

    run: str | None


class Stands(Message):
    """A process → a new controller: how it stands. Failures and losses that it had told were told once more before this."""

    run: str
    held: dict[int, list[Range]] = {}
    """Of a worker: by slot, the events that it works on or has results of."""
    taken: dict[int, list[Range]] = {}
    """Of the reducer: by slot, the events whose deliveries it has taken."""
    reduced: list[Range] = []
    """Of the reducer: the events that are in its result."""


class Standing(Message):
    """Reducer → controller, when it has taken up a run: what its result is made of. Failures that it knows of were sent before."""

    run: str
    taken: dict[int, list[Range]]
    """By slot, the events whose deliveries it has taken."""
    split: list[Range]
    """The events that have several deliveries."""


class Resuming(Message):
    """Reducer → controller, several times a second while it takes up a run: how far it is."""

    run: str
    done: int
    """Bytes of its journal that it has gone through."""
    total: int
    """Bytes of its journal."""


class Reducer(Message):
    """Controller → workers: the run's reducer is this process now; send it again what was not acknowledged."""

    run: str
    peer: str
    address: str


class Held(Message):
    """Worker → controller, in answer to ``Reducer``: the deliveries that it works on, or whose results it still has."""

    run: str
    held: dict[int, list[Range]]
    """Events by slot."""


class Fence(Message):
    """Controller → reducer: take nothing more from this worker."""

    run: str
    worker: str


class Fenced(Message):
    """Reducer → controller: done; what was taken from it has been reported before."""

    run: str
    worker: str


class Explain(Message):
    """Controller → a process: somebody asks for the story of this event; say what you know of it."""

    run: str
    event: int
    question: int
    """To be said again in the answer."""


class Explained(Message):
    """A process → controller: what it knows of the event, in answer to ``Explain``."""

    question: int
    known: dict[str, Any]
    """Empty where it knows nothing."""


class Parameters(Message):
    """Controller → workers and reducer: a new parameter epoch."""

    epoch: int
    values: dict[str, bytes]


class Tick(Message):
    """Controller → one worker: your next event is the one with ``tick``."""

    run: str


# ---- it ends ----------------------------------------------------------------------------------------------------------------


class Finish(Message):
    """Controller → a process: every event is settled; call the finish hooks, release the devices."""

    run: str
    abandoned: bool = False
    """The run never began: no hook is to be called."""


class Finished(Message):
    """A process → controller: done."""

    run: str


AnyMessage = (
    Register
    | Welcome
    | Unknown
    | Heartbeat
    | Leaving
    | Pulse
    | Gone
    | LogRecords
    | Announce
    | Arm
    | Armed
    | Joined
    | Orders
    | Packets
    | Results
    | Taken
    | Reduced
    | Standing
    | Resuming
    | Reducer
    | Held
    | Failed
    | Progress
    | Inquire
    | Lacking
    | Coverage
    | TakeStock
    | Stands
    | Fence
    | Fenced
    | Explain
    | Explained
    | Parameters
    | Tick
    | Finish
    | Finished
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[str, AnyMessage])


def encode(sender: str, message: AnyMessage) -> bytes:
    """The first frame of a message."""
    return _encoder.encode((sender, message))


def decode(frame: bytes | memoryview) -> tuple[str, AnyMessage]:
    """Sender and message of a first frame; raises msgspec.DecodeError for anything else."""
    try:
        return _decoder.decode(frame)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"not a message of a pipeline: {error}") from error

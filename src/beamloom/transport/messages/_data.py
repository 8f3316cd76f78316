"""Packets, results, and how far each came."""

from __future__ import annotations

import msgspec

from beamloom.engine.accounts.faults import Failure
from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.feedback import Feedback, Spoken
from beamloom.engine.ranges import Range
from beamloom.engine.streams.combs import Comb
from beamloom.engine.streams.losses import StreamCounts
from beamloom.events import Bearing
from beamloom.transport.messages._base import Message


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
    memory: str = ""
    """The shared memory in which some of the frames lie; empty where none do."""
    places: list[tuple[int, int, int]] = []
    """Of each frame that is not joined with others its place there (see ``shared_memory``); those that have one do not follow."""


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
    feedback: list[tuple[int, list[Spoken]]] = []
    """Of those results with which feedback was given, by their places: it counts when they are reduced."""
    decided: list[Feedback] = []
    """In a journal: what the analysis has come to with these results. It means nothing on the wire."""
    ahead: int = 0
    """Deliveries that the worker still had before it."""


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

"""What a run is told in the beginning, how far it is, and what it tells to do."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from beamloom.engine.accounts.budget import Budget
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range


class RunPhase(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    STOPPING = "stopping"
    """Somebody asked it to stop; what has arrived is still worked off."""
    COMPLETE = "complete"
    """Every event is settled."""


class RunSettings(msgspec.Struct, frozen=True):
    """The times that govern a run, in seconds, and how much of it may fail."""

    lookahead: float = 0.02
    """How long before its data an event is leased, when the workers keep up."""
    straggler_timeout: float = 10.0
    """How long a stream may be silent after another one has ended before its missing packets are lost."""
    orphan_grace: float = 1.0
    """How long what an ingester had sent before it died may be under way."""
    ingester_timeout: float = 30.0
    """How long the run waits for another ingester to take up the streams of one that died, and then for its first packet."""
    share_grace: float = 1.0
    """How long the ingesters that share a stream must have been silent, once its end was seen, until what is missing is lost."""
    reducer_timeout: float = 30.0
    """How long the run may be without a reducer."""
    budget: Budget = Budget()
    """How many events may fail."""
    idle_limit: float | None = None
    """How long nothing may come, once something has, before the run is ended; None: for ever."""
    stateful: bool = False
    """Whether results depend on the events of the same constraint before."""


class Step(msgspec.Struct):
    """What is to be told to whom, after something has happened."""

    spans: list[Span] = []
    """New leases: to the ingesters, and to the workers that they name."""
    settled: list[Range] = []
    """Events that no ingester has to keep any more."""
    spare: list[Range] = []
    """Settled events that ingesters keep as long as they have room, for their constraints may have to be worked through again."""
    over: list[Range] = []
    """Numbers of the lives of constraints that nobody needs any more."""
    dropped: list[Range] = []
    """Events that workers are not to wait for any more; to be told before the new leases."""
    fence: list[str] = []
    """Workers that the reducer is to fence."""
    close_at: int | None = None
    """The event before which an open-ended run ends."""
    stop_sources: bool = False
    """Ingesters are to stop reading and report how far they came."""
    inquire: list[str] = []
    """Streams of which the workers are asked for what they lack, after they have heard of all leases."""
    claims: dict[str, list[Span]] = {}
    """Leases of which the workers lack the packet of a stream that another ingester has taken up."""
    origins: dict[str, int] = {}
    """For streams with several ingesters: the series that is the run's."""

    def __bool__(self) -> bool:
        return self != Step()

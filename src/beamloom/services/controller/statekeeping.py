"""What of the controller survives it: a checkpoint of all that it knows, and one entry for each thing that has happened since.

Policy: an entry is in the store before anything that follows from it is sent, and before anybody who asks is told of it. A checkpoint is
made every few thousand entries, but never more than a hundredth of the time goes into them. Where the store is behind, a checkpoint is
tried every second.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from beamloom.engine.feedback import Feedback, FeedbackState
from beamloom.engine.provenance import EpochRecord
from beamloom.engine.runs.inputs import Input, encode_input
from beamloom.engine.views.digest import Digest
from beamloom.store import Scribe, Stored
from beamloom.transport.messages import Register
from beamloom.version import VERSION

ENTRIES_PER_CHECKPOINT = 4000
SHARE_OF_TIME = 0.01
"""Of the controller's time goes into checkpoints at most."""
FLUSH_EVERY = 0.05
"""Seconds after which entries are written from which nothing has followed."""
CATCH_UP_EVERY = 1.0
RUNS_KEPT = 100
RUN_PREFIX = "run/"


class Told(msgspec.Struct, tag="told", array_like=True):
    """The run was told something."""

    body: bytes


class Came(msgspec.Struct, tag="came", array_like=True):
    """A process takes part, or has something else to say of itself."""

    peer: str
    register: Register


class Went(msgspec.Struct, tag="went", array_like=True):
    """A process is gone."""

    peer: str


class Began(msgspec.Struct, tag="began", array_like=True):
    """A parameter epoch has begun."""

    epoch: int
    given: dict[str, bytes]
    values: dict[str, bytes]
    record: EpochRecord | None
    """Within a run."""


class Logged(msgspec.Struct, tag="logged", array_like=True):
    """Lines of the log."""

    lines: list[dict[str, str]]


class Fed(msgspec.Struct, tag="fed", array_like=True):
    """The analysis of a run has said something."""

    run: str
    feedback: list[Feedback]


Entry = Told | Came | Went | Began | Logged | Fed


class RunPapers(msgspec.Struct):
    """What is known of one run, from its beginning on."""

    run: str
    trigger_map: bytes
    written: bytes
    started_at: float
    finished_at: float | None
    state: bytes
    """The frozen run; that of the moment of arming while it goes on."""
    record_prefix: str = ""
    epochs: list[EpochRecord] = []
    """The parameters that held in it until now."""
    digest: Digest | None = None
    """What a list shows of it, also where the state cannot be read; None in papers of versions that did not write it."""
    feedback: FeedbackState = FeedbackState()
    """What its analysis has said."""


class ActiveState(msgspec.Struct):
    """The run that goes on."""

    run: str
    state: bytes
    ticks: dict[str, float]
    epochs: list[EpochRecord]
    feedback: FeedbackState = FeedbackState()


class ControllerState(msgspec.Struct):
    """All that a new controller has to know."""

    epoch: int = 0
    given: dict[str, bytes] = {}
    members: dict[str, Register] = {}
    epochs_of_run: dict[int, dict[str, bytes]] = {}
    active: ActiveState | None = None
    logs: list[dict[str, str]] = []
    log_count: int = 0
    version: str = VERSION


_encoder = msgspec.msgpack.Encoder()
_entries = msgspec.msgpack.Decoder(list[Entry])
_state = msgspec.msgpack.Decoder(ControllerState)
_papers = msgspec.msgpack.Decoder(RunPapers)

Snapshot = Callable[[], ControllerState]


class StateKeeper:
    """Tells a store what happens."""

    def __init__(self, scribe: Scribe, clock: Callable[[], float] = time.perf_counter) -> None:
        self.scribe = scribe
        self._clock = clock
        self._waiting: list[Entry] = []
        self._papers: dict[str, bytes] = {}
        """Those that may not be in the store yet."""
        self._entries = 0
        self._flushed_at = 0.0
        self._next_catch_up = 0.0
        self._next_checkpoint = 0.0

    @property
    def problem(self) -> str | None:
        """Why what happens is not kept; None while it is."""
        return self.scribe.problem

    def hear(self, one: Input) -> None:
        """The run is told something."""
        self._waiting.append(Told(encode_input(one)))

    def note(self, entry: Entry) -> None:
        """Something else has happened."""
        self._waiting.append(entry)

    def flush(self) -> None:
        """Something follows from what has happened: it is in the store when this returns, unless the store fails."""
        if self._waiting:
            self.scribe.append(_encoder.encode(self._waiting))
            self._entries += len(self._waiting)
            self._waiting = []

    def turn(self, now: float, snapshot: Snapshot) -> None:
        """Do what is due; ``snapshot`` gives all that is known now."""
        if now - self._flushed_at > FLUSH_EVERY:
            self._flushed_at = now
            self.flush()
        if self._papers and self.scribe.up_to_date:
            self._papers.clear()
        if self.scribe.behind:
            due = now >= self._next_catch_up
            self._next_catch_up = now + CATCH_UP_EVERY if due else self._next_catch_up
        else:
            due = self._entries >= ENTRIES_PER_CHECKPOINT and now >= self._next_checkpoint
        if due:
            self.checkpoint(snapshot, now=now)

    def checkpoint(self, snapshot: Snapshot, papers: RunPapers | None = None, now: float = 0.0) -> None:
        """Write all that is known, and the papers of a run that has begun or ended: these are in the store when this returns."""
        began = self._clock()
        if papers is not None:
            self._papers[RUN_PREFIX + papers.run] = _encoder.encode(papers)
        # The checkpoint may come too late for what follows from these.
        self.flush()
        self._entries = 0
        state = _encoder.encode(snapshot())
        self.scribe.checkpoint(state, dict(self._papers), RUNS_KEPT, wait=papers is not None)
        self._next_checkpoint = now + (self._clock() - began) / SHARE_OF_TIME

    def close(self) -> None:
        """Write what is left."""
        self.flush()
        self.scribe.close()


def read_state(stored: Stored) -> tuple[ControllerState, list[Entry], dict[str, RunPapers]]:
    """The latest checkpoint, what has happened since, and the papers of the latest runs. Raises msgspec.DecodeError."""
    state = ControllerState() if stored.state is None else _state.decode(stored.state)
    entries = [entry for batch in stored.batches for entry in _entries.decode(batch)]
    papers = {one.run: one for one in map(_papers.decode, stored.kept.values())}
    return state, entries, papers

"""How a run is going, as the controller tells it."""

from __future__ import annotations

from typing import Any

import msgspec

from beamloom.client import _display


class Failure(msgspec.Struct, frozen=True):
    """One kind of failure, and the events that it hit."""

    where: str
    """The hook that failed, such as ``Worker.process_event``."""
    error: str
    message: str
    traceback: str
    worker: str
    """Who met it first."""
    count: int
    events: list[int]
    signature: str = ""
    """Tells this kind of failure from others, in every run."""
    place: str = ""
    """The line that raised it, as ``worker.py:17 in process_event``."""
    workers: list[str] = []
    """Who met it."""
    ranges: list[tuple[int, int]] = []
    """The events, as ranges of first and last."""
    first_event: int | None = None
    last_event: int | None = None
    capsules: list[dict[str, str]] = []
    """What was kept of such calls: the name of each, and where the controller hands it out."""
    what_to_do: str = ""
    """A sentence."""

    def __str__(self) -> str:
        times = _display.counted(self.count, "time")
        return f"{self.where}: {self.error}: {self.message} ({times}). {self.what_to_do}".rstrip()


class Progress(msgspec.Struct, frozen=True):
    """How far a run is; ``reduced``, ``failed`` and ``lost`` events make up those that are settled."""

    run: str | None
    """None before the first run."""
    phase: str
    """``idle``, ``running``, ``stopping``, ``complete`` (finish hooks are running) or ``finished``."""
    finished: bool
    total_events: int | None
    """None while the end is open."""
    completed_events: int
    reduced: int
    failed: int
    lost: int
    assigned: int
    pending: int | None
    redelivered: int = 0
    handed_back: int = 0
    """What workers that left in order had not begun, and others were given."""
    quarantined: int = 0
    """Of those that failed, how many were put aside because of what they did to processes."""
    errors: list[dict[str, Any]] = []
    losses: list[dict[str, Any]] = []
    stopped: str | None = None
    """Why the run was ended early; None where it was not."""
    aborted: bool = False
    """Whether it came to its end before its time although nobody asked it to stop."""
    degraded: str | None = None
    """Why too many events have failed; None where they have not."""
    max_failed: str | None = None
    """How many may fail, as it was written; None where any number may."""

    @property
    def fraction(self) -> float | None:
        """Of the events that are settled, from 0 to 1; None while nobody knows how many there will be."""
        if self.total_events is None or self.run is None:
            return None
        return self.completed_events / self.total_events if self.total_events else 1.0

    def __str__(self) -> str:
        return _display.progress_text(self)

    def _repr_html_(self) -> str:
        return _display.progress_html(self)


class Lost(msgspec.Struct, frozen=True):
    """Consecutive events that were lost for one cause."""

    events: tuple[int, int]
    """First and last."""
    cause: str


class Coverage(msgspec.Struct, frozen=True):
    """Which events a result holds, which not, and why; ranges are of first and last event."""

    run: str | None
    version: int
    """Of the results that this is true of."""
    complete: bool
    """Whether every event of the run is in."""
    over: bool
    """Whether the run has ended, so that nothing more will come in."""
    sentence: str
    """The answer to "is this map complete?"."""
    total_events: int | None
    counts: dict[str, int | None]
    """How many events are reduced, pending, failed, lost."""
    reduced: list[tuple[int, int]]
    pending: list[tuple[int, int]]
    failed: list[tuple[int, int]]
    lost: list[Lost]

    def __str__(self) -> str:
        return self.sentence


class RunSummary(msgspec.Struct, frozen=True):
    """One run of those since the controller was started."""

    run: str
    started_at: float
    """Unix time, s."""
    finished_at: float | None
    seconds: float
    total_events: int | None
    reduced: int
    failed: int
    lost: int
    streams: list[str]
    stopped: str | None = None
    aborted: bool = False
    degraded: str | None = None
    """Why too many of its events have failed; None where they have not."""
    clean: bool = True
    """Whether nothing failed, or no more than may."""
    outcome: str = ""
    """``running``, ``complete``, ``incomplete``, ``stopped`` or ``aborted``."""
    result: str | None = None
    """Where the reducer has its results."""

    @property
    def finished(self) -> bool:
        """Whether it is over."""
        return self.finished_at is not None


class Failed(msgspec.Struct, frozen=True):
    """Consecutive events that failed in one way."""

    events: tuple[int, int]
    """First and last."""
    error: str
    message: str


class Settled(msgspec.Struct, frozen=True):
    """What became of events since the last time: ranges of first and last. Of an event that is told twice, the last word counts."""

    run: str | None
    phase: str
    finished: bool
    total_events: int | None
    reduced: list[tuple[int, int]] = []
    failed: list[Failed] = []
    lost: list[Lost] = []

    @property
    def count(self) -> int:
        """How many events these are."""
        ranges = [*self.reduced, *(one.events for one in self.failed), *(one.events for one in self.lost)]
        return sum(last - first + 1 for first, last in ranges)

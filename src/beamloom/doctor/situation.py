"""The picture of a pipeline that checks look at. Plain data: times are Unix times in seconds by the clock of the controller."""

from __future__ import annotations

import msgspec


class Wait(msgspec.Struct, frozen=True):
    """What a process waits for."""

    what: str
    """``device``, ``room``, ``lease``, ``packets``, ``user code``, ``reducer``, ``parameters``, ``results`` or ``run``."""
    about: str
    """The stream or the event; empty where that says nothing."""
    why: str
    """In words."""
    since: float
    """Unix time (s)."""
    stalled: bool = False
    """Whether that is longer than it should be."""


class Disk(msgspec.Struct, frozen=True):
    """A folder that a process writes to."""

    path: str
    purpose: str
    """What it writes there, such as ``journal``."""
    free: int
    """Bytes."""


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """One process that takes part."""

    name: str
    role: str
    """``ingester``, ``worker``, ``debugworker`` or ``reducer``."""
    host: str = ""
    pid: int = 0
    version: str = ""
    commit: str = ""
    """Version of the user's code; empty where nobody knows."""
    analysis: str = ""
    """The user's class, as module:Class."""
    tags: tuple[str, ...] = ()
    fault: str | None = None
    """Why its user class cannot be used, or its devices cannot be opened."""
    alarm: str | None = None
    """What it is not keeping on disk, and why."""
    heard_at: float = 0.0
    """When it last gave a sign of life."""
    clock_offset: float | None = None
    """Seconds by which its clock is ahead of the controller's; None while nobody knows."""
    waits: tuple[Wait, ...] = ()
    disks: tuple[Disk, ...] = ()
    figures: dict[str, float] = {}

    @property
    def mean_seconds(self) -> float | None:
        """Time (s) that user code took for an event, on average; None before the first."""
        done = self.figures.get("processed_events", 0.0)
        return self.figures.get("user_seconds", 0.0) / done if done else None


class Departure(msgspec.Struct, frozen=True):
    """A process that has gone."""

    name: str
    role: str
    cause: str
    at: float
    back: bool = False
    """Whether a process of this name takes part again."""


class StreamView(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of the run."""

    name: str
    device: str = ""
    packets: int = 0
    surplus: int = 0
    """Packets behind the end of the run."""
    discarded: int = 0
    """Messages before the beginning of a series, of which nothing is taken."""
    complete_until: int = 0
    ended: bool = False
    stopped: bool = False
    gone: str | None = None
    """Why nothing more will come, when its ingester is gone."""


class LossView(msgspec.Struct, frozen=True):
    """Events that were lost for one cause."""

    cause: str
    events: str
    """As ranges for people."""
    count: int


class Warned(msgspec.Struct, frozen=True):
    """The analysis has warned."""

    words: str
    """What of, at which event."""
    at: float
    """Unix time (s)."""


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """The run that goes on, or the last one."""

    run: str
    phase: str
    finished: bool
    started_at: float = 0.0
    total_events: int | None = None
    settled: int = 0
    failed: int = 0
    failures: tuple[LossView, ...] = ()
    """What failed, most often first: the cause is the hook and its error."""
    losses: tuple[LossView, ...] = ()
    streams: tuple[StreamView, ...] = ()
    unsuited: str | None = None
    """Why the streams and workers that are there do not suffice for its map."""
    reducer_away_since: float | None = None
    reducer_away_cause: str = ""
    warnings: tuple[Warned, ...] = ()
    """The latest of the analysis itself, oldest first."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline at one moment."""

    now: float
    version: str = ""
    """Of the controller."""
    processes: tuple[ProcessView, ...] = ()
    departures: tuple[Departure, ...] = ()
    run: RunView | None = None
    obstacles: tuple[str, ...] = ()
    """What is in the way of a run besides what processes say of themselves."""
    refusal: str | None = None
    """Why the last run was refused, when none was armed since."""
    refused_at: float | None = None
    disks: tuple[Disk, ...] = ()
    """Those of the controller."""
    disk_low: int = 0
    """Bytes that have to be free."""
    heartbeat_interval: float = 0.2

    def named(self, name: str) -> ProcessView | None:
        """The process of that name."""
        return next((process for process in self.processes if process.name == name), None)

    @property
    def reducer(self) -> ProcessView | None:
        """The reducer."""
        return next((process for process in self.processes if process.role == "reducer"), None)

    @property
    def workers(self) -> list[ProcessView]:
        """The workers, debug workers included."""
        return [process for process in self.processes if process.role in ("worker", "debugworker")]

    @property
    def running(self) -> RunView | None:
        """The run, while it goes on."""
        return None if self.run is None or self.run.finished else self.run

"""What the controller answers at one moment, as far as it is shown; a controller that says less is shown with less."""

from __future__ import annotations

import msgspec

from beamloom.client import Failure, Progress


class Finding(msgspec.Struct, frozen=True):
    """What the doctor has found."""

    what: str
    do: str
    gravity: str = "trouble"
    since: float | None = None


class Diagnosis(msgspec.Struct, frozen=True):
    """All that it has found."""

    findings: list[Finding] = []
    version: str = ""


class Stream(msgspec.Struct, frozen=True):
    """What became of the packets of a stream in the run."""

    packets: int = 0
    complete_until: int = 0
    ended: bool = False
    stalled: bool = False
    silent_since: float | None = None
    gaps: int = 0
    duplicates: int = 0
    reordered: int = 0
    late: int = 0
    malformed: int = 0
    dropped: int = 0
    restarts: int = 0
    reconnects: int | None = None


class Process(msgspec.Struct, frozen=True):
    """One process that takes part."""

    name: str
    processed_events: int = 0
    event_rate: float = 0.0
    host: str = ""
    pid: int = 0
    fault: str | None = None
    streams: list[str] = []
    tags: list[str] = []
    role: str = ""
    http: str | None = None


class Config(msgspec.Struct, frozen=True):
    """Those that take part."""

    ingesters: list[Process] = []
    workers: list[Process] = []
    reducer: Process | None = None


class Load(msgspec.Struct, frozen=True):
    """Where the time of a process went since the run began."""

    role: str = ""
    events: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = {}


class Look(msgspec.Struct, frozen=True):
    """All answers of one moment."""

    at: float
    """Monotonic clock, s."""
    wall: float
    """Unix time, s."""
    progress: Progress
    doctor: Diagnosis
    streams: dict[str, Stream]
    config: Config
    load: dict[str, Load]
    failures: list[Failure] | None = None
    """In detail, where they were asked for."""

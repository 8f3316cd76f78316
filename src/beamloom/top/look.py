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


class Layout(msgspec.Struct, frozen=True):
    """What the packets of a stream carry."""

    shape: list[int] | None = None
    dtype: str = ""
    fields: list[str] | None = None
    problem: str | None = None


class StreamFlow(msgspec.Struct, frozen=True):
    """One stream at this moment."""

    state: str = "unknown"
    why: str | None = None
    seconds_since_last: float | None = None
    layout: Layout | None = None
    packets_per_second: float | None = None
    retained_bytes: float | None = None
    retention_limit: float | None = None
    spooled_events: int | None = None


class Lag(msgspec.Struct, frozen=True):
    """How long the newest result took, from its last packet to the reducer."""

    seconds: float | None = None
    why: str | None = None


class Flow(msgspec.Struct, frozen=True):
    """How data flows at this moment; events per second."""

    rate_in: float | None = None
    rate_out: float | None = None
    lag: Lag = Lag()
    streams: dict[str, StreamFlow] = {}


class Process(msgspec.Struct, frozen=True):
    """One process that takes part."""

    name: str
    processed_events: int = 0
    event_rate: float = 0.0
    host: str = ""
    pid: int = 0
    fault: str | None = None
    drains: str | None = None
    streams: list[str] = []
    tags: list[str] = []
    role: str = ""
    http: str | None = None


class Config(msgspec.Struct, frozen=True):
    """Those that take part."""

    ingesters: list[Process] = []
    workers: list[Process] = []
    reducer: Process | None = None


class Wait(msgspec.Struct, frozen=True):
    """Something that a process waits for."""

    what: str = ""
    about: str = ""
    why: str = ""
    since: float = 0.0


class Load(msgspec.Struct, frozen=True):
    """Where the time of a process went lately (s), and what it takes."""

    stages: dict[str, float] = {}
    memory_bytes: int = 0
    memory_limit: int = 0
    waits: list[Wait] = []

    @property
    def shares(self) -> dict[str, float]:
        """Of its time, by stage; empty where it has told nothing yet."""
        whole = sum(self.stages.values())
        return {name: spent / whole for name, spent in self.stages.items()} if whole > 0 else {}


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
    flow: Flow
    load: dict[str, Load]
    failures: list[Failure] | None = None
    """In detail, where they were asked for."""

"""What the controller answers, as types: for the document of its API, and for those who check that it keeps to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from beamloom.engine.feedback import FeedbackPiece

Pair: TypeAlias = tuple[int, int]
"""First and last event of a range."""


class RunProgress(msgspec.Struct):
    """How far a run is."""

    last_assigned: int
    completed_events: int
    total_events: int | None
    finished: bool
    run: str | None
    phase: str
    reduced: int
    failed: int
    lost: int
    pending: int | None
    assigned: int
    redelivered: int
    handed_back: int
    quarantined: int
    errors: list[dict[str, Any]]
    losses: list[dict[str, Any]]
    stopped: str | None
    aborted: bool


class PipelineLine(msgspec.Struct):
    """A pipeline among those that are reached at one address."""

    name: str
    path: str
    """Where its API and its dashboard begin; empty where it is alone."""
    problem: str | None
    """Why nothing is known of it now, in a sentence."""
    progress: dict[str, Any] | None
    """As `/api/v1/progress` tells it; none where there is a problem."""


class FailureKind(msgspec.Struct):
    """One kind of failure."""

    where: str
    error: str
    message: str
    traceback: str
    worker: str
    count: int
    events: list[int]


class LostEvents(msgspec.Struct):
    """Consecutive events that were lost for one cause."""

    events: Pair
    cause: str


class RunCoverage(msgspec.Struct):
    """Which events are in a result, which not, and why."""

    run: str | None
    complete: bool
    over: bool
    sentence: str
    total_events: int | None
    counts: dict[str, int | None]
    reduced: list[Pair]
    pending: list[Pair]
    failed: list[Pair]
    lost: list[LostEvents]
    partly: list[Pair]


class RunLedger(RunCoverage):
    """The same, and how far events have been given out."""

    assigned_until: int = 0


class RunLine(msgspec.Struct):
    """One run of those since the controller was started."""

    run: str
    started_at: float
    finished_at: float | None
    seconds: float
    total_events: int | None
    reduced: int
    failed: int
    lost: int
    stopped: str | None
    aborted: bool
    outcome: str
    result: str | None
    streams: list[str]
    again_of: str | None = None
    """The run whose recording was reduced again for this result; None where it was measured."""
    changed: dict[str, Any] = {}
    """What was changed for that."""
    degraded: str | None = None
    """Why too many of its events have failed; None where they have not."""
    max_failed: str | None = None
    clean: bool = True


class ParameterEpoch(msgspec.Struct):
    """The parameters that held from an event on."""

    epoch: int
    first_event: int
    values: dict[str, Any]


class ParameterEntry(msgspec.Struct):
    """A parameter as parameter files have it."""

    name: str
    data: Any
    encoding: Literal["base64"] | None = None


class FeedbackPart(msgspec.Struct):
    """What the analysis has said behind a place."""

    feedback: list[FeedbackPiece]
    place: str
    over: bool
    missed: int


class RunDetail(RunLine):
    """One run, with what a list of runs leaves out."""

    map: str = ""
    """How many events it was to have, and of which parts."""
    coverage: str = ""
    """What is in its result, in a sentence."""
    epochs: list[ParameterEpoch] | None = None
    """None: an older version of Beamloom has kept it, and did not keep them; the reducer may know them."""
    editions: list[dict[str, Any]] = []
    """Which code of the workers has made which events of the result, in the order in which it began."""
    kinds_of_failure: int = 0
    recording: str | None = None
    """What the names of the files of its recording begin with; None where there is none."""


class MadeAgain(msgspec.Struct):
    """A result that is being made again of the recording of a run, or was."""

    run: str
    """Its own id."""
    again_of: str
    """The run whose recording it is made of."""
    changed: dict[str, Any]
    """What is changed for that: parameters by name; ``worker``, ``reducer``, ``analysis`` and ``events`` are said with a colon before."""
    started_at: float
    done: int
    """Events that are settled."""
    total: int
    state: Literal["running", "finished", "given up"] = "running"
    detail: RunDetail | None = None
    """What came of it, once it is finished."""


class ParameterEpochs(msgspec.Struct):
    """The parameters of the present or last run, by the events that they hold from."""

    epoch: int
    values: dict[str, Any]
    run: str | None
    epochs: list[ParameterEpoch]
    count: int
    """Epochs that the run has had, told or not."""


class ControllerLine(msgspec.Struct):
    """The controller itself."""

    name: str
    host: str
    pid: int
    url: str
    """Where it says that its mailbox is."""


class ProcessLine(msgspec.Struct):
    """One process that takes part."""

    name: str
    service_uuid: str
    url: str
    """Where it says that its mailbox is."""
    mapping_uuid: str | None
    processed_events: int
    event_rate: float
    host: str
    pid: int
    http: str | None
    fault: str | None
    last_seen: float


class Config(msgspec.Struct):
    """The processes that take part."""

    controller: ControllerLine
    ingesters: list[ProcessLine]
    workers: list[ProcessLine]
    reducer: ProcessLine | None
    detectors: dict[str, list[str]]
    controller_version: str
    parameters_version: dict[str, str]
    parameters_hash: str
    parameters_epoch: int


class Health(msgspec.Struct):
    """Whether a run could be armed now, and what is in the way."""

    ready: bool
    problems: list[str]
    processes: int


class LogLine(msgspec.Struct):
    """One line of a log."""

    msg: str
    lineno: str
    name: str
    created: str
    levelname: str
    service: str
    number: str
    """From 1 on, as the controller has heard them."""


class ProcessLoad(msgspec.Struct):
    """How busy a process was; all but the first two only where the stages were asked for."""

    last_event: int
    intervals: dict[str, dict[str, float]]
    """Of a worker."""
    role: str = ""
    events: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = {}
    """Seconds by what they were spent on; all together they are ``seconds``."""
    memory_bytes: int = 0
    """Of its own, without what it shares with others; not told where the system does not say."""
    memory_limit: int = 0
    """Of a worker; 0 where it has none."""
    cpu_seconds: float = 0.0
    loop_cpu_seconds: float = 0.0
    queued_seconds: float = 0.0
    messages: dict[str, int] = {}
    queues: dict[str, int] = {}
    waits: list[dict[str, Any]] = []
    """What it waits for: ``what``, ``about``, ``why``, ``since`` (Unix time)."""


class Lag(msgspec.Struct):
    """How long the newest result took, from the arrival of its last packet at an ingester to the word of the reducer that it has it."""

    seconds: float | None
    event: int | None
    seconds_ago: float | None
    """Since the newest result."""
    why: str | None
    """Why ``seconds`` is not known."""


class Flow(msgspec.Struct):
    """How data flows at this moment; rates are over the last two seconds."""

    run: str | None
    at: float
    started_at: float | None
    finished: bool
    rate_in: float | None
    """Whole events per second that arrive: those of the slowest stream that is not complete; None where that is not known."""
    rate_out: float | None
    """Events per second whose results the reducer takes."""
    lag: Lag
    streams: dict[str, dict[str, Any]]


class Staff(msgspec.Struct):
    """Which workers can be started and stopped from here."""

    can_start: bool
    why_not: str | None
    """A sentence, where nobody can."""
    kinds: list[dict[str, Any]]
    """The groups of the pipeline file: ``class`` and ``tags``."""
    workers: list[dict[str, Any]]
    """The processes that are kept alive: ``name``, ``pid``, ``state``, ``uptime`` (s), ``restarts``, ``message``."""


class MoreWorkers(msgspec.Struct, forbid_unknown_fields=True):
    """How many workers to start, and of which kind."""

    count: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    kind: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Of the kinds that are listed, from 0."""


class Started(msgspec.Struct):
    """The names of the workers that were started; each takes part when it has imported what it needs."""

    started: list[str]


class Stopping(msgspec.Struct):
    """The worker that ends: after the event that it is in, and what else it holds goes to others."""

    stopping: str


class Draining(msgspec.Struct):
    """The worker that leaves: after the event that it is in; what it has not begun goes to others."""

    draining: str


class Update(msgspec.Struct, forbid_unknown_fields=True):
    """Newer code for the workers; by default what is in the files of their classes now."""

    worker: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")] = ""
    """Another class, as module:Class."""
    edition: Annotated[int, msgspec.Meta(ge=1, le=1 << 31)] | None = None
    """Workers of this edition were started by hand: they take over now."""
    patience: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 60.0
    """Seconds in which the newer workers have to be there."""


class Updated(msgspec.Struct):
    """Newer code has taken over."""

    edition: int
    first_event: int | None
    """From this event on; null where no run goes on."""
    started: list[str]
    """The newer workers, where they were started by that."""


class ShadowWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Another analysis beside the run; classes that are left out are those of the pipeline, as their files are now."""

    worker: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")] = ""
    """A worker class, as module:Class."""
    reducer: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")] = ""
    """A reducer class, as module:Class."""
    sample: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    """Share of the events that it gets copies of."""
    patience: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 60.0
    """Seconds in which it has to be there."""


class Promotion(msgspec.Struct, forbid_unknown_fields=True):
    """The shadow's worker class is to take over."""

    worker_only: bool = False
    """Also where the shadow has another reducer class, which is left behind."""
    patience: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 60.0
    """Seconds in which the newer workers have to be there."""


class ShadowState(msgspec.Struct):
    """Another analysis beside the run."""

    run: str | None
    """The run that goes on, or the last one."""
    reducer: str | None
    """The reducer class of the pipeline; null where no reducer takes part."""
    shadow: dict[str, Any] | None
    """Its classes, its sample, and under ``copied`` what came of its copies; null where there is none."""


class WrittenMap(msgspec.Struct):
    """A trigger map as it is posted: parts by name, and the order in which they repeat."""

    parts: dict[str, dict[str, Any]]
    sequence: list[Any]

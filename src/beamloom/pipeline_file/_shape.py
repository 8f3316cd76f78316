"""The keys of a pipeline file, as frozen structs; each key is documented here once, in its ``Meta``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from beamloom.dask_clusters import Job
from beamloom.detectors.geometry import Detector
from beamloom.settings import ClassName, RunRule, StreamSettings

HttpAddress = Annotated[
    str,
    Meta(
        pattern=r"^[^:/\s]+:\d{1,5}$",
        extra={"expects": 'an address as "host:port", such as "127.0.0.1:5001"; port 0 picks a free one'},
    ),
]
"""Where a process listens: ``host:port``."""


def host_and_port(address: str) -> tuple[str, int]:
    """The two parts of a HttpAddress."""
    host, _, port = address.rpartition(":")
    return host, int(port)


class WorkerGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Workers that are alike."""

    worker_class: Annotated[ClassName, Meta(description="The worker class of the analysis.")] = msgspec.field(
        name="class"
    )
    count: Annotated[int, Meta(ge=1, description="Number of worker processes.")] = 1
    tags: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="Tags that the trigger map may ask for.",
            extra={"expects": "one tag or more, such as [generic]"},
        ),
    ] = ("generic",)


class DebugWorker(msgspec.Struct, frozen=True, kw_only=True):
    """The debug worker."""

    http: Annotated[HttpAddress, Meta(description="Where it serves the last events.")] = "127.0.0.1:5002"
    tags: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="Tags that the trigger map may ask for.",
            extra={"expects": "one tag or more, such as [debug]"},
        ),
    ] = ("debug",)
    worker_class: Annotated[
        ClassName | None, Meta(description="A worker class to call as well; none: it only keeps events.")
    ] = msgspec.field(default=None, name="class")
    keep_events: Annotated[int, Meta(ge=1, description="Number of events that are kept.")] = 50


class Reducer(msgspec.Struct, frozen=True, kw_only=True):
    """The reducer."""

    reducer_class: Annotated[ClassName, Meta(description="The reducer class of the analysis.")] = (
        msgspec.field(name="class")
    )
    http: Annotated[HttpAddress, Meta(description="Where it serves the results.")] = "127.0.0.1:5001"
    leaves: Annotated[
        int,
        Meta(
            ge=1,
            description="Processes that reduce, a part of the results each, where one is too slow; with 1 the reducer reduces itself.",
        ),
    ] = 1


class Controller(msgspec.Struct, frozen=True, kw_only=True):
    """The controller."""

    http: Annotated[HttpAddress, Meta(description="Where it serves the HTTP API and the dashboard.")] = (
        "127.0.0.1:5000"
    )
    mailbox: Annotated[
        HttpAddress, Meta(description="Where the other processes reach it; by default on a free port.")
    ] = "127.0.0.1:0"


class Arming(msgspec.Struct, frozen=True, kw_only=True):
    """What runs are like that a device arms."""

    streams: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Streams that take part, with a packet of each for each event, until the series end; by default all.",
            extra={"expects": "names of streams, such as [scan, detector]"},
        ),
    ] = None
    map: Annotated[
        str | None,
        Meta(
            description="File with their trigger map, as it would be posted to /api/v1/sequence, instead of `streams`."
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.map is not None and self.streams is not None:
            raise ValueError("give 'streams' or a 'map', which names its streams itself, not both")


class Dask(msgspec.Struct, frozen=True, kw_only=True):
    """The Dask cluster that processes run on with `beamloom up --on dask`."""

    scheduler: Annotated[
        str | None,
        Meta(
            description="A scheduler that runs: its address, or its scheduler file.",
            extra={"expects": "an address such as tcp://node1:8786, or a file such as scheduler.json"},
        ),
    ] = None
    cluster: Annotated[
        Literal["local", "slurm", "pbs"] | None,
        Meta(
            description="A cluster that is made for this pipeline, and ends with it: processes of this machine, or jobs of a queue.",
            extra={"expects": "one of local, slurm, pbs"},
        ),
    ] = None
    job: Annotated[
        Job | None,
        Meta(description="What one job of the cluster is; as many are submitted as the processes need."),
    ] = None
    place: Annotated[
        tuple[Literal["workers", "ingesters", "reducer", "debugworker"], ...],
        Meta(
            min_length=1,
            description="Processes that run there; the others, and the controller always, run where the pipeline is started.",
            extra={"expects": "some of workers, ingesters, reducer, debugworker"},
        ),
    ] = ("workers",)
    needs: Annotated[
        dict[str, float],
        Meta(
            description="Resources that each worker takes of those that Dask workers were started with.",
            extra={"expects": "amounts by name, such as {gpu: 1}"},
        ),
    ] = {}

    def __post_init__(self) -> None:
        if (self.scheduler is None) == (self.cluster is None):
            raise ValueError("give either a 'scheduler' that runs, or a 'cluster' that is to be made")
        if self.cluster in ("slurm", "pbs") and self.job is None:
            raise ValueError(f"'cluster: {self.cluster}' needs a 'job', such as {{cores: 16, memory: 64GB}}")
        if self.scheduler is not None and self.job is not None:
            raise ValueError("a 'job' is of a 'cluster' that is to be made, not of a 'scheduler' that runs")


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of each run."""

    prefix: Annotated[
        str,
        Meta(
            description="Start of the path of every recorded file, relative to the pipeline file; "
            "a folder when it ends in a slash."
        ),
    ]


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline: its streams, its analysis, and where it is served."""

    name: Annotated[str, Meta(min_length=1, description="Name of the pipeline, for people.")] = "pipeline"
    streams: Annotated[
        dict[str, StreamSettings],
        Meta(
            min_length=1,
            description="The streams by name. Each names its `device`, and may say over how many `ingesters` it is split, or which "
            "`ingester` it shares with others; the other keys are the device's.",
            extra={"expects": "streams by name, each with its device and the keys of this device"},
        ),
    ]
    detectors: Annotated[
        dict[str, Detector],
        Meta(
            description="Detectors whose tiles arrive on streams of their own, by name: trigger maps and analyses may name the "
            "detector as if it were a stream.",
            extra={"expects": "detectors by name, each with its tiles"},
        ),
    ] = {}
    workers: Annotated[
        WorkerGroup | Annotated[tuple[WorkerGroup, ...], Meta(min_length=1)],
        Meta(
            description="The workers: one group of like ones, or a list of groups.",
            extra={"expects": "a group with class, count, tags, or a list of groups"},
        ),
    ]
    reducer: Annotated[Reducer, Meta(description="The reducer.")]
    debugworker: Annotated[
        DebugWorker | None,
        Meta(description="A debug worker, which keeps the last events for people to look at."),
    ] = None
    arming: Annotated[Arming, Meta(description="The runs that are armed by streams with `arms: true`.")] = (
        Arming()
    )
    controller: Annotated[Controller, Meta(description="The controller.")] = Controller()
    analysis: Annotated[
        str,
        Meta(description="Folder where the classes are imported from, relative to the pipeline file."),
    ] = "."
    parameters: Annotated[
        str | dict[str, Any] | None,
        Meta(
            description="Parameter values that hold from the start: a parameter file, or a mapping written here.",
            extra={"expects": "the name of a parameter file, or a mapping of parameter names to values"},
        ),
    ] = None
    recording: Annotated[
        Recording | None, Meta(description="Record every run; without this key nothing is recorded.")
    ] = None
    dask: Annotated[
        Dask | None,
        Meta(
            description="The Dask cluster that processes run on with `beamloom up --on dask`; without that, nobody heeds it."
        ),
    ] = None
    rules: Annotated[
        tuple[RunRule, ...],
        Meta(
            description="Batch analyses of what is recorded, started by each run at its start or end, or by its reducer.",
            extra={"expects": "a list of rules, each with its name"},
        ),
    ] = ()
    settings: Annotated[
        dict[str, Any],
        Meta(
            description="Further settings, for all processes that have a setting of this name.",
            extra={"expects": "settings by name"},
        ),
    ] = {}

    @property
    def streams_of_ingesters(self) -> dict[str, dict[str, StreamSettings]]:
        """The streams by name, by the ingester that receives them."""
        found: dict[str, dict[str, StreamSettings]] = {}
        for name, stream in self.streams.items():
            found.setdefault(stream.ingester or name, {})[name] = stream
        return found

    @property
    def arming_streams(self) -> tuple[str, ...]:
        """The streams of runs that a device arms; none where a map names them, or no stream arms runs."""
        if self.arming.map is not None or not any(stream.arms for stream in self.streams.values()):
            return ()
        return tuple(self.streams) if self.arming.streams is None else self.arming.streams

    @property
    def worker_groups(self) -> tuple[WorkerGroup, ...]:
        """The groups of workers, also where there is only one."""
        return (self.workers,) if isinstance(self.workers, WorkerGroup) else self.workers

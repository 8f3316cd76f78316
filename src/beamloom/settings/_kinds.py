"""The settings of each kind of process, as frozen structs.

A field is documented once, in its ``Meta``: the command line's help, the reference page and the error sentences are made
from there. ``extra`` may hold ``unit``, ``variables`` (environment variables beside ``BEAMLOOM_<FIELD>``, in the spelling
that existing deployments use) and ``expects`` (how a right value looks, where the type alone does not say it).
"""

from __future__ import annotations

import secrets
import socket
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from beamloom.detectors.geometry import Detector, check_geometry
from beamloom.settings._bounds import MaxProcesses, RecordBelow
from beamloom.settings._failures import (
    CapsuleBytes,
    CapsuleDir,
    Capsules,
    MaxFailed,
    OnMaxFailed,
    check_max_failed,
)
from beamloom.settings._http import (
    HttpBodyLimit,
    HttpCertificate,
    HttpKey,
    HttpNames,
    HttpOpen,
    HttpOrigins,
    HttpTokens,
)
from beamloom.settings._rules import RulesBelow, RulesDir, RulesPath, RulesScheduler, RulesWorkers, RuleTypes
from beamloom.settings._run_rules import RunRules

Seconds = Annotated[float, Meta(gt=0, extra={"unit": "s"})]
"""A duration above zero, on a monotonic clock."""

Port = Annotated[int, Meta(ge=0, le=65535, extra={"expects": "a port from 0 (any free one) to 65535"})]
"""A TCP port; 0 picks a free one."""

ClassName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        extra={"expects": "a class as module:Class, such as analysis:Fluorescence"},
    ),
]
"""Where a class of the user is found: ``module:Class``."""

ServiceName = Annotated[
    str,
    Meta(pattern=r"^[\w.-]*$", extra={"expects": "a name of letters, digits, dots, dashes and underscores"}),
]
"""The name of one process of the pipeline."""


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of an ingester: its device protocol, and the keys that this device takes."""

    device: str
    """Name of the device protocol, as ``beamloom simulate`` lists them."""
    ingesters: Annotated[
        int, Meta(ge=1, description="Ingesters that share the stream, each receiving a part of its packets.")
    ] = 1
    options: dict[str, Any] = {}
    """The device's own keys, ``url`` first of all; checked against the device's settings struct."""
    arms: Annotated[
        bool,
        Meta(
            description="Whether the device stays connected between runs and a series that it begins arms a run."
        ),
    ] = False
    stall_limit: Annotated[
        Seconds | None,
        Meta(
            description="Time without a packet in a run after which the stream is shown as stalled; by default that of the ingester."
        ),
    ] = None

    def written(self) -> dict[str, Any]:
        """As people write it: the device, what any stream takes, and the device's keys, side by side."""
        own = {name: getattr(self, name) for name in sorted(STREAM_KEYS)}
        said = {name: value for name, value in own.items() if value != _STREAM_DEFAULTS[name]}
        return {"device": self.device, **said, **self.options}


STREAM_KEYS = frozenset({"arms", "ingesters", "stall_limit"})
"""Keys that a stream takes besides ``device`` and the keys of its device."""

_STREAM_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(StreamSettings)}


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every process of a pipeline has."""

    name: Annotated[
        ServiceName, Meta(description="Name of this process in messages, logs and on the dashboard.")
    ] = ""
    bind: Annotated[
        str,
        Meta(
            description="Address of the network interface on which the process opens its ports; 0.0.0.0 for all."
        ),
    ] = "127.0.0.1"
    advertise: Annotated[
        str,
        Meta(
            description="Host name or address under which other processes reach this one, "
            "where it differs from `bind`; needed when `bind` is 0.0.0.0."
        ),
    ] = ""
    keys: Annotated[
        str,
        Meta(
            description="File with the key of the pipeline, as `beamloom keys` writes it, readable by its owner alone; with it only "
            "processes that have the same take part, and what they say is encrypted."
        ),
    ] = ""
    mailbox_open: Annotated[
        bool,
        Meta(
            description="Whether everybody who reaches its port may send to this process; without it and without `keys` only "
            "addresses of this machine are taken for `bind`."
        ),
    ] = False
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Meta(
            description="Least severity of the log lines that are written.",
            extra={"variables": ["LOG_LEVEL"], "expects": "one of DEBUG, INFO, WARNING, ERROR"},
        ),
    ] = "INFO"
    heartbeat_interval: Annotated[
        Seconds, Meta(description="Time between two signs of life to the controller.")
    ] = 0.2
    heartbeat_timeout: Annotated[
        Seconds,
        Meta(description="Silence after which a process counts as dead and its events go to another one."),
    ] = 1.0

    def __post_init__(self) -> None:
        if self.heartbeat_timeout <= self.heartbeat_interval:
            raise ValueError(
                f"heartbeat_timeout ({self.heartbeat_timeout} s) must be longer than "
                f"heartbeat_interval ({self.heartbeat_interval} s), or every process counts as dead; "
                "three intervals or more are usual"
            )
        if not self.name:
            msgspec.structs.force_setattr(self, "name", self._default_name())

    def _default_name(self) -> str:
        return type(self).__name__.removesuffix("Settings").lower()


class ServiceSettings(ProcessSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every process has that reports to a controller."""

    controller: Annotated[
        str,
        Meta(
            pattern=r"^tcp://[^:,]+:\d+(,tcp://[^:,]+:\d+)*$",
            description="The controller's mailbox; where several stand by, those of all of them, with commas between.",
            extra={"expects": "an address as tcp://host:port, or several with commas between"},
        ),
    ] = "tcp://127.0.0.1:10500"


class ControllerSettings(ProcessSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The controller: owner of the run, of the ledger and of the parameters."""

    http_host: Annotated[
        str, Meta(description="Address of the network interface on which the HTTP API is served.")
    ] = "127.0.0.1"
    http_port: Annotated[Port, Meta(description="Port of the HTTP API and the dashboard.")] = 5000
    http_tokens: HttpTokens = ""
    http_open: HttpOpen = False
    http_certificate: HttpCertificate = ""
    http_key: HttpKey = ""
    http_names: HttpNames = ()
    http_origins: HttpOrigins = ()
    http_body_limit: HttpBodyLimit = 1 << 27
    mailbox_port: Annotated[
        Port, Meta(description="Port on which the other processes reach the controller.")
    ] = 10500
    arm_timeout: Annotated[
        Seconds, Meta(description="Time in which every process and every device must confirm a new run.")
    ] = 10.0
    straggler_timeout: Annotated[
        Seconds,
        Meta(
            description="Time that the controller waits at the end of a run for packets and results still missing."
        ),
    ] = 10.0
    arming_map: Annotated[
        str | None,
        Meta(
            description="File with the trigger map, as it would be posted to /api/v1/sequence, of runs that a device arms."
        ),
    ] = None
    arming_streams: Annotated[
        tuple[str, ...],
        Meta(
            description="Streams of runs that a device arms, where there is no `arming_map`: a packet of each for each event, "
            "until the series end; by default all streams that are there.",
            extra={"expects": 'names of streams, such as ["scan", "detector"]'},
        ),
    ] = ()
    share_grace: Annotated[
        Seconds,
        Meta(
            description="Silence of all ingesters that share a stream, once its end was seen, after which what is missing is lost."
        ),
    ] = 1.0
    reducer_timeout: Annotated[
        Seconds,
        Meta(description="Time that a run waits for a reducer to take the place of one that died."),
    ] = 30.0
    ingester_timeout: Annotated[
        Seconds,
        Meta(
            description="Time that a run waits for an ingester to take the place of one that died, and then for its first packet."
        ),
    ] = 30.0
    lookahead_seconds: Annotated[
        Seconds,
        Meta(
            description="Work handed out ahead to each worker; longer hides round trips, shorter balances better."
        ),
    ] = 0.02
    idle_limit: Annotated[
        Seconds | None,
        Meta(
            description="Time without any packet, once some have come, after which a run is ended as if it had been stopped; a run may "
            "be armed with its own (`?idle_limit=`); by default runs wait for ever."
        ),
    ] = None
    disk_low: Annotated[
        int,
        Meta(
            ge=0,
            description="Room on a disk that is written to below which `beamloom doctor` and the dashboard say so.",
            extra={"unit": "bytes"},
        ),
    ] = 2_000_000_000
    parameters_file: Annotated[
        str | None,
        Meta(description="Parameter file (JSON, CBOR or pickle) whose values hold from the start."),
    ] = None
    parameters: Annotated[
        dict[str, Any],
        Meta(
            description="Parameter values that hold from the start, as a JSON mapping; they win over the file."
        ),
    ] = {}
    detectors: Annotated[
        dict[str, Detector],
        Meta(
            description="Detectors whose tiles arrive on streams of their own, as a JSON mapping of names to tiles.",
            extra={
                "expects": 'detectors by name, such as {"jungfrau": {"tiles": [{"stream": "module0", "at": [0, 0]}]}}'
            },
        ),
    ] = {}
    record_prefix: Annotated[
        str | None,
        Meta(
            description="Start of the path of every file in which the trigger map and the parameters are recorded."
        ),
    ] = None
    record_below: RecordBelow = ""
    max_processes: MaxProcesses = 500
    state_dir: Annotated[
        str,
        Meta(
            description="Folder of the state from which a new controller goes on when this one dies; none: nothing is kept."
        ),
    ] = ""
    store: Annotated[
        str,
        Meta(
            pattern=r"^$|^(redis|rediss|unix)://.+$",
            description="Address of a Redis or Valkey server that keeps this state in place of a folder. Any number of controllers "
            "stand by with the same one, and one of them goes on within three seconds when the first one dies.",
            extra={
                "variables": ["REDIS_URL", "SERVICE_REDIS_DSN"],
                "expects": "an address such as redis://host:6379/0",
            },
        ),
    ] = ""
    pipeline: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9._-]{1,64}$",
            description="Name of the pipeline in that store, which several may share.",
            extra={"expects": "letters, digits, dots and dashes"},
        ),
    ] = "beamloom"
    store_sync: Annotated[
        Literal["never", "interval", "always"],
        Meta(
            description="When the state is synchronized with the disk: a dead process loses nothing in any case, a dead machine may lose "
            "the file with `never`, the last seconds with `interval`, nothing with `always`.",
            extra={"expects": "one of never, interval, always"},
        ),
    ] = "interval"

    launcher: Annotated[
        str,
        Meta(
            description="Socket at which this process asks for more or fewer workers; `beamloom up` sets it. None: nobody can be asked."
        ),
    ] = ""
    max_failed: MaxFailed = ""
    on_max_failed: OnMaxFailed = "degrade"
    feedback_stops: Annotated[
        bool,
        Meta(
            description="Whether the analysis may stop a run with `self.feedback('stop', ...)`; without, that is only told to those "
            "who listen."
        ),
    ] = True
    capsule_dir: CapsuleDir = ""
    rules_below: RulesBelow = ()
    rule_types: RuleTypes = {}
    rules_dir: RulesDir = ""
    rules_workers: RulesWorkers = 0
    rules_scheduler: RulesScheduler = ""
    rules_path: RulesPath = ""
    run_rules: RunRules = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_max_failed(self.max_failed)
        check_geometry(self.detectors)


class IngesterSettings(ServiceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ingester: one process that receives one stream, or a few."""

    name: Annotated[
        ServiceName,
        Meta(
            description="Name of this process; made of its streams' names where none is given.",
            extra={"variables": ["INGESTER_NAME"]},
        ),
    ] = ""
    streams: Annotated[
        dict[str, StreamSettings],
        Meta(
            min_length=1,
            description="The streams to receive: for each its device and the keys of this device.",
            extra={
                "variables": ["INGESTER_STREAMS"],
                "expects": 'streams with their devices, such as {"detector": {"device": "stins", '
                '"url": "tcp://127.0.0.1:9999"}}',
            },
        ),
    ]
    retention_bytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Memory for packets whose events are not yet reduced; they are sent again when a worker dies.",
            extra={"unit": "bytes"},
        ),
    ] = 1 << 30
    on_full: Annotated[
        Literal["block", "drop", "spill"],
        Meta(
            description="What happens when that memory is full: `block` stops reading from the device, "
            "`drop` gives the packet up and marks its event lost, `spill` keeps the packet on disk and stops reading when that is full, "
            "too."
        ),
    ] = "block"
    shared_memory: Annotated[
        Literal["auto", "off"],
        Meta(
            description="Whether workers on the same host read frames of 64 KiB and more in memory of the ingester, in place of getting "
            "them sent: `auto` where they can, `off` never."
        ),
    ] = "auto"
    write_ahead: Annotated[
        bool,
        Meta(
            description="Whether each packet is written to disk before it is sent on, so that a new ingester finds what this one had "
            "when it died."
        ),
    ] = False
    spool_bytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Size on disk that packets of one stream may take, by `spill` or `write_ahead`; when it is reached, the device "
            "is not read on before events are reduced.",
            extra={"unit": "bytes"},
        ),
    ] = 32 << 30
    state_dir: Annotated[
        str,
        Meta(
            description="Folder for these packets; by default `beamloom` in the user's folder for state (`XDG_STATE_HOME`)."
        ),
    ] = ""
    stall_limit: Annotated[
        Seconds,
        Meta(
            description="Time without a packet in a run after which a stream is shown as stalled; nothing else follows from it."
        ),
    ] = 10.0
    reorder_window: Annotated[
        int,
        Meta(
            ge=0,
            description="Packets of a stream that are held while one that belongs before them is missing; 0: none, "
            "and a packet that comes behind a higher one is late.",
            extra={"unit": "packets"},
        ),
    ] = 64
    reorder_wait: Annotated[
        Seconds,
        Meta(
            description="Longest time that they are held; so long a gap delays what is behind it.",
        ),
    ] = 0.05
    record_prefix: Annotated[
        str | None,
        Meta(
            description="Start of the path of every file to which packets are recorded; none: no recording."
        ),
    ] = None
    record_below: RecordBelow = ""

    def _default_name(self) -> str:
        return "_".join(self.streams) + "-ingester"


class WorkerSettings(ServiceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A worker: assembles events and calls the user's map."""

    name: Annotated[
        ServiceName,
        Meta(
            description="Name of this process; made of the host's name where none is given.",
            extra={"variables": ["WORKER_NAME"]},
        ),
    ] = ""
    worker_class: Annotated[
        ClassName | None,
        Meta(
            description="The worker class of the analysis, as module:Class.",
            extra={"variables": ["WORKER_CLASS"]},
        ),
    ] = None
    tags: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="Tags that the trigger map may ask for.",
            extra={"variables": ["WORKER_TAGS"], "expects": 'one tag or more, such as ["generic"]'},
        ),
    ] = ("generic",)
    analysis_path: Annotated[
        str, Meta(description="Folder where the analysis is imported from, before installed packages.")
    ] = "."
    outbox_bytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Memory for results that the reducer has not taken; beyond it the worker begins no new event.",
            extra={"unit": "bytes"},
        ),
    ] = 1 << 28
    event_timeout: Annotated[
        Seconds | None,
        Meta(
            description="Time that `process_event` may take for one event, after which the process is ended and the event is tried "
            "once more; by default what the class says as `event_timeout`, else 60 s."
        ),
    ] = None
    memory_limit: Annotated[
        int,
        Meta(
            ge=0,
            description="Memory of the process after which it ends itself between two events, to be started anew; 0: no limit.",
            extra={"unit": "bytes"},
        ),
    ] = 0
    capsule_dir: CapsuleDir = ""
    capsules: Capsules = 3
    capsule_bytes: CapsuleBytes = 1 << 28

    def _default_name(self) -> str:
        kind = type(self).__name__.removesuffix("Settings").lower()
        return f"{kind}-{socket.gethostname().partition('.')[0]}-{secrets.token_hex(3)}"


class DebugWorkerSettings(WorkerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A debug worker: keeps the last events and serves them over HTTP."""

    tags: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="Tags that the trigger map may ask for.",
            extra={"variables": ["WORKER_TAGS"], "expects": 'one tag or more, such as ["debug"]'},
        ),
    ] = ("debug",)
    http_host: Annotated[
        str, Meta(description="Address of the network interface on which the events are served.")
    ] = "127.0.0.1"
    http_port: Annotated[Port, Meta(description="Port on which the events are served.")] = 5002
    http_tokens: HttpTokens = ""
    http_open: HttpOpen = False
    http_certificate: HttpCertificate = ""
    http_key: HttpKey = ""
    http_names: HttpNames = ()
    http_origins: HttpOrigins = ()
    http_body_limit: HttpBodyLimit = 1 << 27
    keep_events: Annotated[int, Meta(ge=1, description="Number of events that are kept.")] = 50

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

from beamloom.settings._bounds import RecordBelow
from beamloom.settings._failures import (
    CapsuleBytes,
    CapsuleDir,
    Capsules,
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
from beamloom.settings._store import PipelineName, StoreUrl

Seconds = Annotated[float, Meta(gt=0, extra={"unit": "s"})]
"""A duration above zero, on a monotonic clock."""

Port = Annotated[int, Meta(ge=0, le=65535, extra={"expects": "a port from 0 (any free one) to 65535"})]
"""A TCP port; 0 picks a free one."""

PortRange = Annotated[
    str,
    Meta(
        pattern=r"^$|^\d{1,5}-\d{1,5}$",
        description="Ports of which the process takes a free one where it was given none; by default any.",
        extra={"expects": "two ports with a dash between, such as 10600-10699"},
    ),
]
"""The first and the last of several TCP ports; empty for any."""

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


def port_range(text: str) -> range | None:
    """The ports of a range; None for any. Raises ValueError where there is none in it."""
    if not text:
        return None
    first, last = map(int, text.split("-"))
    if not 1 <= first <= last <= 65535:
        raise ValueError(
            f"ports ({text}) is no range; give the lower one first, both from 1 to 65535, such as 10600-10699"
        )
    return range(first, last + 1)


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of an ingester: its device protocol, and the keys that this device takes."""

    device: str
    """Name of the device protocol, as ``beamloom simulate`` lists them."""
    ingesters: Annotated[
        int, Meta(ge=1, description="Ingesters that share the stream, each receiving a part of its packets.")
    ] = 1
    ingester: Annotated[
        str,
        Meta(
            pattern=r"^[\w.-]*$",
            description="Name of the ingester that receives it, in a pipeline file: streams that name the same share one process, as "
            "small ones do best. By default the name of the stream.",
            extra={"expects": "a name of letters, digits, dots, dashes and underscores"},
        ),
    ] = ""
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


STREAM_KEYS = frozenset({"arms", "ingester", "ingesters", "stall_limit"})
"""Keys that a stream takes besides ``device`` and the keys of its device."""

_STREAM_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(StreamSettings)}


DEFAULT_CONTROLLER = "tcp://127.0.0.1:10500"


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every process of a pipeline has."""

    name: Annotated[
        ServiceName, Meta(description="Name of this process in messages, logs and on the dashboard.")
    ] = ""
    bind: Annotated[
        str,
        Meta(
            description="Address of the network interface on which the process opens its ports, or the name of the interface (`eth1`), or "
            "the network that it is in (`10.1.0.0/16`); 0.0.0.0 for all."
        ),
    ] = "127.0.0.1"
    advertise: Annotated[
        str,
        Meta(
            description="Host name or address under which other processes reach this one, or the interface or network that it has that "
            "address in, where it differs from `bind`; where that is 0.0.0.0, by default the address from which the controller is reached."
        ),
    ] = ""
    ports: PortRange = ""
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
    health_port: Annotated[
        Port | None,
        Meta(
            description="Port at `bind` on which the process says, without a token, whether it lives (/livez) and takes part (/readyz), "
            "for Kubernetes and others that watch it; none: nowhere."
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.heartbeat_timeout <= self.heartbeat_interval:
            raise ValueError(
                f"heartbeat_timeout ({self.heartbeat_timeout} s) must be longer than "
                f"heartbeat_interval ({self.heartbeat_interval} s), or every process counts as dead; "
                "three intervals or more are usual"
            )
        port_range(self.ports)
        if not self.name:
            msgspec.structs.force_setattr(self, "name", self._default_name())

    def _default_name(self) -> str:
        return type(self).__name__.removesuffix("Settings").lower()


class ServiceSettings(ProcessSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every process has that reports to a controller."""

    controller: Annotated[
        str,
        Meta(
            pattern=r"^$|^tcp://[^:,]+:\d+(,tcp://[^:,]+:\d+)*$",
            description="The controller's mailbox; where several stand by, those of all of them, with commas between. By default what "
            f"`store` says, and without one {DEFAULT_CONTROLLER}.",
            extra={"expects": "an address as tcp://host:port, or several with commas between"},
        ),
    ] = ""
    store: StoreUrl = ""
    pipeline: PipelineName = "beamloom"
    data_port: Annotated[
        Port,
        Meta(
            description="Port on which other processes reach this one; 0: a free one, of `ports` where that is given."
        ),
    ] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.controller and not self.store:
            msgspec.structs.force_setattr(self, "controller", DEFAULT_CONTROLLER)


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
    edition: Annotated[
        int,
        Meta(
            ge=0,
            description="Number of the version of the analysis: workers of a higher one take over in the middle of a run when "
            "`beamloom update` says so; those that it starts have it set.",
        ),
    ] = 0
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
        str,
        Meta(
            description="Address of the network interface on which the events are served, its name, or the network that it is in."
        ),
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


class ShadowWorkerSettings(WorkerSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shadow worker: another worker and reducer class over copies of some events, beside a run and without a part in it."""

    tags: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="It gets copies of what workers get that have all of these tags.",
            extra={"variables": ["WORKER_TAGS"], "expects": 'one tag or more, such as ["generic"]'},
        ),
    ] = ("generic",)
    reducer_class: Annotated[
        ClassName | None,
        Meta(
            description="The reducer class of the shadow, as module:Class.",
            extra={"variables": ["REDUCER_CLASS"]},
        ),
    ] = None
    sample: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="Share of all events that it gets copies of; which ones follows from their numbers alone.",
            extra={"expects": "a number above 0, up to 1, such as 0.1"},
        ),
    ] = 0.1
    http_host: Annotated[
        str,
        Meta(
            description="Address of the network interface on which the results are served, its name, or the network that it is in."
        ),
    ] = "127.0.0.1"
    http_port: Annotated[
        Port,
        Meta(
            description="Port on which the results are served; 0: a free one. The controller passes them on."
        ),
    ] = 0
    http_tokens: HttpTokens = ""
    http_open: HttpOpen = False
    http_certificate: HttpCertificate = ""
    http_key: HttpKey = ""
    http_names: HttpNames = ()
    http_origins: HttpOrigins = ()
    http_body_limit: HttpBodyLimit = 1 << 27

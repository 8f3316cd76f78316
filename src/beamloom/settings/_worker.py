"""The settings of workers of all kinds, documented as those of the other processes are: see ``_process.py``."""

from __future__ import annotations

import secrets
import socket
from typing import Annotated

from msgspec import Meta

from beamloom.settings._failures import CapsuleBytes, CapsuleDir, Capsules
from beamloom.settings._http import (
    HttpBodyLimit,
    HttpCertificate,
    HttpKey,
    HttpNames,
    HttpOpen,
    HttpOrigins,
    HttpTokens,
)
from beamloom.settings._process import ClassName, Port, Seconds, ServiceName, ServiceSettings


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

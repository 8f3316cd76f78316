"""The settings that every process has, and the types of settings that several have.

A field is documented once, in its ``Meta``: the command line's help, the reference page and the error sentences are made
from there. ``extra`` may hold ``unit``, ``variables`` (environment variables beside ``BEAMLOOM_<FIELD>``, in the spelling
that existing deployments use) and ``expects`` (how a right value looks, where the type alone does not say it).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

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

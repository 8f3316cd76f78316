"""From a pipeline to the processes that make it: who they are, and where they are to be found."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from beamloom.access import Credentials, tokens_of
from beamloom.access.policy import is_loopback
from beamloom.pipeline_file import Pipeline, host_and_port
from beamloom.placement.children import ProcessSpec
from beamloom.placement.commands import HERE, Address, Commands, Spread, reachable
from beamloom.placement.ports import free_ports
from beamloom.placement.staff import ShadowMaker, WorkerKind
from beamloom.transport.interfaces import address_at


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What to start, and where to find it then."""

    title: str
    processes: tuple[ProcessSpec, ...]
    controller_url: str | None = None
    """HTTP address of the controller."""
    reducer_url: str | None = None
    debugworker_url: str | None = None
    ingesters: frozenset[str] = frozenset()
    """Names that the controller must know before the pipeline is ready."""
    workers: frozenset[str] = frozenset()
    kinds: tuple[WorkerKind, ...] = ()
    """Workers of which more can be started."""
    shadow: ShadowMaker | None = None
    """Makes shadow workers."""
    credentials: Credentials = Credentials()
    """What the supervisor presents to the controller."""


def layout_of(pipeline: Pipeline, spread: Spread = HERE) -> Layout:
    """The processes of a pipeline, on this machine but for those that ``spread`` names; ports given as 0 are chosen now."""
    addresses = _addresses(pipeline, spread)
    scheme, credentials = _of_http(pipeline.settings)
    command = Commands(pipeline, addresses["mailbox"], spread)
    processes = [command.controller(addresses["controller"]), command.reducer(addresses["reducer"])]
    ingesters = [
        ingester
        for name, streams in pipeline.streams_of_ingesters.items()
        for ingester in command.ingesters(name, streams)
    ]
    workers = list(command.workers())
    if pipeline.debugworker:
        workers.append(command.debugworker(addresses["debugworker"]))
    return Layout(
        title=pipeline.name,
        processes=(*processes, *ingesters, *workers),
        controller_url=_url(scheme, addresses["controller"]),
        reducer_url=None if "reducer" in spread.places else _url(scheme, addresses["reducer"]),
        debugworker_url=_url(scheme, addresses["debugworker"])
        if pipeline.debugworker and "debugworker" not in spread.places
        else None,
        credentials=credentials,
        ingesters=frozenset(spec.name for spec in ingesters),
        workers=frozenset(spec.name for spec in workers),
        kinds=tuple(command.kinds()),
        shadow=command.shadow,
    )


def _addresses(pipeline: Pipeline, spread: Spread) -> dict[str, Address]:
    wanted = {
        "mailbox": host_and_port(pipeline.controller.mailbox),
        "controller": host_and_port(pipeline.controller.http),
        "reducer": host_and_port(pipeline.reducer.http),
    }
    if pipeline.debugworker:
        wanted["debugworker"] = host_and_port(pipeline.debugworker.http)
    wanted = {name: (address_at(host), port) for name, (host, port) in wanted.items()}
    if spread.places and is_loopback(wanted["mailbox"][0]):
        wanted["mailbox"] = spread.host, wanted["mailbox"][1]
    # Which ports are free elsewhere is not known here.
    open_ones = [name for name, (_, port) in wanted.items() if port == 0 and name not in spread.places]
    chosen = free_ports([wanted[name][0] for name in open_ones])
    return wanted | {name: (wanted[name][0], port) for name, port in zip(open_ones, chosen, strict=True)}


def _of_http(settings: Mapping[str, Any]) -> tuple[str, Credentials]:
    """How the services are asked over HTTP. Raises TokenFileError."""

    def setting(name: str) -> str:
        return str(settings.get(name) or os.environ.get(f"BEAMLOOM_{name.upper()}", ""))

    tokens, certificate = tokens_of(setting("http_tokens"), os.environ), setting("http_certificate")
    # The certificate may be made out to another name than the one by which it is asked on this machine: here it is trusted itself.
    credentials = Credentials(tokens.control or tokens.read, certificate, any_name=True)
    return "https" if certificate else "http", credentials


def _url(scheme: str, address: Address) -> str:
    return f"{scheme}://{reachable(address[0])}:{address[1]}"

"""A pipeline of real processes that are spread over several hosts, with a wire between them that can be harmed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import pytest

from beamloom.pipeline_file import parse_pipeline
from beamloom.placement import LocalPlacement
from beamloom.placement.children import ProcessSpec
from beamloom.placement.layout import Layout, layout_of
from live.pipelines import ANALYSES, TIMEOUT, Bench, Live
from support.hosts import Host, Hosts, why_not

CONTROL, DEVICE, INGEST, WORK, REDUCE = "control", "device", "ingest", "work", "reduce"
HOSTS = (CONTROL, DEVICE, INGEST, WORK, REDUCE)
PORT = 5000
"""On a host of one's own every port is free."""
HTTP_PORT = 5001


@contextmanager
def some_hosts(seed: int = 0) -> Iterator[Hosts]:
    """Hosts for the parts of a pipeline; this thread is on the one of the controller. Skips the test where that is not permitted."""
    if (problem := why_not()) is not None:
        pytest.skip(problem)
    with Hosts(*HOSTS, seed=seed) as hosts, hosts[CONTROL].there():
        yield hosts


@contextmanager
def devices_there(hosts: Hosts, devices: Mapping[str, str]) -> Iterator[Bench]:
    """Simulated devices on their own host, by stream."""
    address = hosts[DEVICE].address
    addresses = {
        stream: (device, f"tcp://{address}:{PORT + number}")
        for number, (stream, device) in enumerate(devices.items())
    }
    with ExitStack() as stack:
        with hosts[DEVICE].there():
            bench = stack.enter_context(Bench(addresses))
        yield bench


@contextmanager
def spread(
    hosts: Hosts,
    streams: Mapping[str, Mapping[str, Any]],
    *,
    settings: Mapping[str, Any] | None = None,
    worker: str = "pairs:Worker",
    reducer: str = "pairs:Reducer",
    **more: Any,
) -> Iterator[Live]:
    """A pipeline with its ingesters, one of two workers, and the reducer each on a host; the rest is with the controller."""
    text = json.dumps(
        {
            "streams": streams,
            "workers": {"class": worker, "count": 2},
            "reducer": {"class": reducer, "http": f"{hosts[REDUCE].address}:{HTTP_PORT}"},
            "controller": {
                "http": f"{hosts[CONTROL].address}:{HTTP_PORT}",
                "mailbox": f"{hosts[CONTROL].address}:{PORT}",
            },
            "analysis": str(ANALYSES),
            "settings": {"mailbox_open": True, "http_open": True, **(settings or {})},
            **more,
        }
    )
    layout = layout_of(parse_pipeline(text, folder=ANALYSES))
    with LocalPlacement(_spread(layout, hosts), quiet=True) as placement:
        placement.wait_ready(TIMEOUT)
        live = Live(placement)
        try:
            yield live
        finally:
            live.close()


def _spread(layout: Layout, hosts: Hosts) -> Layout:
    processes = tuple(_at(_host_of(spec.name, hosts), spec) for spec in layout.processes)
    return msgspec.structs.replace(layout, processes=processes)


def _host_of(process: str, hosts: Hosts) -> Host:
    if process.endswith("-ingester"):
        return hosts[INGEST]
    return hosts[{"reducer": REDUCE, "worker-1": WORK}.get(process, CONTROL)]


def _at(host: Host, spec: ProcessSpec) -> ProcessSpec:
    bind = () if spec.name == "controller" else (f"--bind={host.address}",)
    return msgspec.structs.replace(spec, argv=(*host.prefix, *spec.argv, *bind))

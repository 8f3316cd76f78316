"""A pipeline on five hosts, its state at a store: one host is cut off and comes back, one loses its power, the controller dies.

The result is that of the inline pipeline: nothing is lost and nothing counts twice. The detectors are on a sixth host, which nothing harms;
there, too, is whoever asks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beamloom import connect
from beamloom.client import Pipeline
from beamloom.devices import pandabox
from live.pipelines import ANALYSES, Bench, wait_until
from live.series import pictures, uniform_map
from live.sites import HTTP_PORT, MAILBOX_PORT, Site
from live.test_live_ingester_deaths import Pace
from live.test_live_network import CUT_SECONDS, DEVICES, oracle
from support.hosts import Hosts, why_not
from support.redis_server import redis_server

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(240)]

FIRST, SECOND, INGEST, WORK, REDUCE = HOSTS = ("first", "second", "ingest", "work", "reduce")
"""Of the first controller; of the one that stands by, and the store; of both ingesters; of two workers; of the reducer and a worker."""
DETECTORS = "detectors"
EVENTS = 20_000
WORKER = "pairs:QuickWorker"
PATIENCE = 90.0


@contextmanager
def some_hosts() -> Iterator[Hosts]:
    """The hosts; this thread is on that of the detectors."""
    if (problem := why_not()) is not None:
        pytest.skip(problem)
    with Hosts(*HOSTS, DETECTORS) as hosts, hosts[DETECTORS].there():
        yield hosts


def start_all(site: Site, bench: Bench) -> None:
    """Start what a site starts, in no order that anybody has to keep to, but for who is to be the first controller."""
    site.start(FIRST, "controller", "one")
    site.wait_for("one", "HTTP API at")
    site.start(SECOND, "controller", "two")
    for stream, device in DEVICES.items():
        streams = json.dumps({stream: {"device": device, "url": bench.url(stream)}})
        site.start(INGEST, "ingester", f"{stream}-ingester", INGESTER_STREAMS=streams)
    for host, name in ((WORK, "worker-1"), (WORK, "worker-2"), (REDUCE, "worker-3")):
        site.start(host, "worker", name, WORKER_CLASS=WORKER)
    site.start(REDUCE, "reducer", "reducer", REDUCER_CLASS="pairs:Reducer")
    site.wait_for("two", "stands by: the controller 'one'")


def processes(pipeline: Pipeline) -> int:
    """How many take part."""
    told = pipeline.processes()
    return len(told["ingesters"]) + len(told["workers"]) + (told["reducer"] is not None)


def settled(pipeline: Pipeline, events: int) -> bool:
    """Whether so many events are done."""
    return pipeline.progress().completed_events >= events


def test_five_hosts_of_which_one_is_cut_off_one_dies_and_the_controller_dies_lose_nothing(
    tmp_path: Path,
) -> None:
    with some_hosts() as hosts, redis_server(tmp_path, hosts[SECOND]) as store:
        addresses = {
            stream: (device, f"tcp://{hosts[DETECTORS].address}:{MAILBOX_PORT + number}")
            for number, (stream, device) in enumerate(DEVICES.items())
        }
        controllers = [hosts[FIRST].address, hosts[SECOND].address]
        common = {
            "REDIS_URL": store.url,
            "BEAMLOOM_MAILBOX_PORT": str(MAILBOX_PORT),
            "BEAMLOOM_MAILBOX_OPEN": "true",
            "BEAMLOOM_HTTP_OPEN": "true",
            "BEAMLOOM_ANALYSIS_PATH": str(ANALYSES),
        }
        first, second = (f"http://{host}:{HTTP_PORT}" for host in controllers)
        with Site(hosts, tmp_path, common) as site, Pace() as pace, Bench(addresses) as bench:
            start_all(site, bench)
            with connect(first) as pipeline:
                wait_until(lambda: processes(pipeline) == 6, "all to take part", site.told, PATIENCE)
                run = pipeline.arm(uniform_map(DEVICES, EVENTS))
                bench.play("camera", pace.of(pictures(EVENTS)))
                bench.play("box", pace.of(pandabox.generate(rows=EVENTS)))
                pace.let(5_000)
                wait_until(lambda: settled(pipeline, 4_000), "the first events", site.told, PATIENCE)

                pace.let(8_000)
                hosts[INGEST].link(up=False)
                until = time.monotonic() + CUT_SECONDS
                wait_until(lambda: time.monotonic() > until, "the end of the cut")
                site.wait_for("one", "camera-ingester is gone: no sign of life")
                site.wait_for("one", "box-ingester is gone: no sign of life")
                hosts[INGEST].link(up=True)
                wait_until(lambda: settled(pipeline, 7_000), "events after the cut", site.told, PATIENCE)

                pace.let(12_000)
                site.kill_host(WORK)
                site.wait_for("one", "worker-1 is gone: no sign of life")
                site.wait_for("one", "worker-2 is gone: no sign of life")
                wait_until(
                    lambda: settled(pipeline, 11_000), "events after the death of a host", site.told, PATIENCE
                )

            pace.let(16_000)
            site.kill("one")
            site.wait_for("two", f"run {run} is gone on with")
            site.wait_for("two", "HTTP API at")
            with connect(second, trust_pickle=True) as pipeline:
                wait_until(
                    lambda: settled(pipeline, 15_000), "events of the next controller", site.told, PATIENCE
                )
                pace.let(EVENTS + 10)
                end = pipeline.wait(PATIENCE)
                told = site.told()
                assert (end.run, end.reduced, end.failed, end.lost) == (run, EVENTS + 2, 0, 0), told
                tree = pipeline.result.read()
                assert tree["said"] == oracle(EVENTS, WORKER), told
                assert {tree["times"][event] for event in range(1, EVENTS + 1)} == {1}

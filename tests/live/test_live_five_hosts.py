"""A pipeline on five hosts, its state at a store: one host is cut off and comes back, one loses its power, the controller dies.

The result is that of the inline pipeline: nothing is lost and nothing counts twice. The detectors are on a sixth host, which nothing harms;
there, too, is whoever asks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from beamloom import connect
from beamloom.client import Pipeline
from beamloom.devices import pandabox
from beamloom.errors import PipelineError
from beamloom.exit_status import RENEWED
from live.pipelines import ANALYSES, Bench, wait_until
from live.series import pictures, uniform_map
from live.sites import HTTP_PORT, MAILBOX_PORT, Site
from live.test_live_ingester_deaths import Pace
from live.test_live_network import CUT_SECONDS, DEVICES, oracle
from support.hosts import Hosts, why_not
from support.redis_server import redis_server

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(600)]

FIRST, SECOND, INGEST, WORK, REDUCE = HOSTS = ("first", "second", "ingest", "work", "reduce")
"""Of the first controller; of the one that stands by, and the store; of both ingesters; of two workers; of the reducer and a worker."""
DETECTORS = "detectors"
EVENTS = 20_000
WORKER = "pairs:QuickWorker"
PATIENCE = 200.0


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
    """Whether so many events are done; not where nobody answers."""
    # On a machine that is too busy the controller that stands by takes the pipeline: then the first one is gone, and its log says why.
    with suppress(PipelineError):
        return pipeline.progress().completed_events >= events
    return False


class Scan:
    """A run of a pipeline on these hosts, whose detectors send so far and no further."""

    def __init__(self, hosts: Hosts, site: Site, bench: Bench, pace: Pace, events: int) -> None:
        self._hosts = hosts
        self._site = site
        self._bench = bench
        self._pace = pace
        self._events = events
        self._run = ""

    def url(self, host: str) -> str:
        """Where the controller of a host is asked."""
        return f"http://{self._hosts[host].address}:{HTTP_PORT}"

    def begin(self, pipeline: Pipeline) -> None:
        """Arm the run, once all take part."""
        wait_until(lambda: processes(pipeline) == 6, "all to take part", self._site.told, PATIENCE)

        def armed() -> str | None:
            # On a busy machine one of them may not be heard for a moment.
            with suppress(PipelineError):
                return pipeline.arm(uniform_map(DEVICES, self._events))
            return None

        self._run = wait_until(armed, "the run to be armed", self._site.told, PATIENCE)
        self._bench.play("camera", self._pace.of(pictures(self._events)))
        self._bench.play("box", self._pace.of(pandabox.generate(rows=self._events)))

    def send(self, share: float) -> None:
        """The detectors send this share of their messages, in all."""
        self._pace.let(int(share * self._events))

    def settle(self, pipeline: Pipeline, share: float) -> None:
        """Wait until this share of the events is done."""
        goal = int(share * self._events)
        wait_until(lambda: settled(pipeline, goal), f"{goal} events", self._site.told, PATIENCE)

    def go_on(self) -> None:
        """Wait until the second controller has taken the run over."""
        self._site.wait_for("two", f"run {self._run} is gone on with")
        self._site.wait_for("two", "HTTP API at")

    def end(self, pipeline: Pipeline) -> None:
        """Wait for the end of the run: nothing is lost, nothing counts twice, and the result is the one of the inline pipeline."""
        self._pace.let(self._events + 10)
        end = pipeline.wait(PATIENCE)
        told = self._site.told()
        assert (end.run, end.reduced, end.failed, end.lost) == (self._run, self._events + 2, 0, 0), told
        tree = pipeline.result.read()
        assert tree["said"] == oracle(self._events, WORKER), told
        assert {tree["times"][event] for event in range(1, self._events + 1)} == {1}


@contextmanager
def scan_on_five_hosts(folder: Path, events: int) -> Iterator[tuple[Hosts, Site, Scan]]:
    """All hosts with their processes, and detectors that are ready to send so many events."""
    with some_hosts() as hosts, redis_server(folder, hosts[SECOND]) as store:
        addresses = {
            stream: (device, f"tcp://{hosts[DETECTORS].address}:{MAILBOX_PORT + number}")
            for number, (stream, device) in enumerate(DEVICES.items())
        }
        common = {
            "REDIS_URL": store.url,
            "BEAMLOOM_MAILBOX_PORT": str(MAILBOX_PORT),
            "BEAMLOOM_MAILBOX_OPEN": "true",
            "BEAMLOOM_HEARTBEAT_TIMEOUT": "2",
            "BEAMLOOM_HTTP_OPEN": "true",
            "BEAMLOOM_ANALYSIS_PATH": str(ANALYSES),
        }
        # Detectors that wait for their turn are let go before they are closed.
        with Site(hosts, folder, common) as site, Bench(addresses) as bench, Pace() as pace:
            start_all(site, bench)
            yield hosts, site, Scan(hosts, site, bench, pace, events)


def cut_off(hosts: Hosts, host: str) -> None:
    """Nothing reaches a host, or comes from it, for more than the silence after which its processes count as dead."""
    hosts[host].link(up=False)
    until = time.monotonic() + CUT_SECONDS
    wait_until(lambda: time.monotonic() > until, "the end of the cut")


@pytest.mark.parametrize(
    ("events", "cut", "given_up", "loses_power"),
    [
        (20_000, INGEST, ["camera-ingester", "box-ingester"], False),
        (5_000, REDUCE, ["reducer", "worker-3"], True),
    ],
    ids=["the ingesters' host is cut off", "the reducer's host is cut off"],
)
def test_five_hosts_of_which_one_is_cut_off_one_dies_and_the_controller_dies_lose_nothing(
    tmp_path: Path, events: int, cut: str, given_up: list[str], *, loses_power: bool
) -> None:
    with scan_on_five_hosts(tmp_path, events) as (hosts, site, scan):
        with connect(scan.url(FIRST)) as pipeline:
            scan.begin(pipeline)
            scan.send(0.25)
            scan.settle(pipeline, 0.2)

            scan.send(0.4)
            cut_off(hosts, cut)
            for name in given_up:
                site.wait_for("one", f"{name} is gone: no sign of life")
            hosts[cut].link(up=True)
            scan.settle(pipeline, 0.35)

            scan.send(0.6)
            site.kill_host(WORK)
            for name in ("worker-1", "worker-2"):
                site.wait_for("one", f"{name} is gone: no sign of life")
            scan.settle(pipeline, 0.55)

        scan.send(0.8)
        if loses_power:
            site.kill_host(FIRST)
        else:
            site.kill("one")
        scan.go_on()
        with connect(scan.url(SECOND), trust_pickle=True) as pipeline:
            scan.settle(pipeline, 0.75)
            scan.end(pipeline)


def test_a_controller_that_is_cut_off_finds_another_one_at_work_and_the_run_goes_on_there(
    tmp_path: Path,
) -> None:
    with scan_on_five_hosts(tmp_path, 5_000) as (hosts, site, scan):
        with connect(scan.url(FIRST)) as pipeline:
            scan.begin(pipeline)
            scan.send(0.25)
            scan.settle(pipeline, 0.2)
        scan.send(0.6)
        hosts[FIRST].link(up=False)
        scan.go_on()
        with connect(scan.url(SECOND), trust_pickle=True) as pipeline:
            scan.settle(pipeline, 0.55)
            hosts[FIRST].link(up=True)
            site.wait_for("one", "has taken over the pipeline")
            # Whoever runs it starts it again then, and it stands by.
            assert site.ended("one") == RENEWED
            site.start(FIRST, "controller", "one-again")
            site.wait_for("one-again", "stands by: the controller 'two'")
            scan.end(pipeline)

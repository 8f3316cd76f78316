"""Real hosts, and a network between them that fails: the result is the one of the inline pipeline, and every event is accounted for.

``BEAMLOOM_DEEP=1`` tries more faults at more places.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from beamloom.analysis import ReducerAnalysis, load_class
from beamloom.devices import pandabox
from beamloom.devices.device import Source
from beamloom.devices.pandabox.stream import PandaStream
from beamloom.devices.stins import StinsReader
from beamloom.events import Malformed, Packet
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.triggermap import TriggerMap
from chaos.oracle import Read
from live.pipelines import ANALYSES, Live, wait_until
from live.series import pictures, uniform_map
from live.spread import CONTROL, DEVICE, HTTP_PORT, INGEST, REDUCE, WORK, devices_there, some_hosts, spread
from live.test_live_ingester_deaths import Pace
from support.hosts import Hosts
from support.wire import Fault

DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))
pytestmark = [pytest.mark.processes, pytest.mark.timeout(150)]

EVENTS = 1500
FIRST = 300
PATIENCE = 90.0
CUT_SECONDS = 5.0 if DEEP else 2.5
"""More than twice the silence after which a process counts as dead (``heartbeat_timeout``)."""
DEVICES = {"camera": "stins", "box": "pandabox"}
CUT = Fault(cut=True)
LOSSY = Fault(loss=0.05)
MESSY = Fault(loss=0.02, duplicate=0.05, delay=0.002, jitter=0.02)
NARROW = Fault(bytes_per_second=100e3, delay=0.02)


def gone(name: str) -> Callable[[Live], bool]:
    """Whether the controller has given a process up."""
    return lambda live: any(
        f"{name} is gone: no sign of life" in line for line in live.placement.output("controller")
    )


def oracle(events: int = EVENTS, worker_class: str = "pairs:Worker") -> dict[int, Any]:
    """What the analysis makes of the same messages in one process, where nothing is in between."""
    camera: list[Packet | Malformed] = []
    reader = StinsReader()
    for message in pictures(events):
        reader.take(list(message), camera)
    box: list[Packet | Malformed] = []
    stream = PandaStream(packed=False)
    for (octets,) in pandabox.generate(rows=events):
        stream.feed(octets, box)
    analysis = ReducerAnalysis(load_class("pairs:Reducer", str(ANALYSES)))
    worker = InlineWorker("worker", ("generic",), lambda: Map(load_class(worker_class, str(ANALYSES))))
    made: dict[str, Callable[[], Source]] = {"camera": lambda: Read(camera), "box": lambda: Read(box)}
    with InlinePipeline(made, [worker], lambda: analysis) as pipeline:
        pipeline.play(TriggerMap.from_json(uniform_map(DEVICES, events)))
        said: dict[int, Any] = analysis.publish["said"]
        return said


def run_with(fault: Callable[[Hosts, Live], None]) -> None:
    """A run on several hosts, of which ``fault`` does something in the middle and mends it."""
    with some_hosts() as hosts, devices_there(hosts, DEVICES) as bench, Pace() as pace:
        streams = {stream: {"device": device, "url": bench.url(stream)} for stream, device in DEVICES.items()}
        with spread(hosts, streams) as live:
            live.arm(uniform_map(DEVICES, EVENTS))
            bench.play("camera", pace.of(pictures(EVENTS)))
            bench.play("box", pace.of(pandabox.generate(rows=EVENTS)))
            pace.let(FIRST)
            wait_until(lambda: live.completed(FIRST // 2), "the first events", live.state, PATIENCE)
            pace.let(EVENTS)
            fault(hosts, live)
            hosts.mend()
            pace.let(EVENTS + 10)
            end = live.finished(PATIENCE)
            assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0), live.state()
            tree = live.published()
            assert tree["said"] == oracle()
            between = range(1, EVENTS + 1)
            assert {tree["times"][event] for event in between} == {1}


def cut(host: str, *who: str, sends: bool = True, receives: bool = True) -> Callable[[Hosts, Live], None]:
    """Cut a host off for CUT_SECONDS, and until the controller has given up all these."""

    def fault(hosts: Hosts, live: Live) -> None:
        hosts.harm(host, CUT, sends=sends, receives=receives)
        until = time.monotonic() + CUT_SECONDS
        wait_until(lambda: time.monotonic() > until, "the end of the cut")
        wait_until(lambda: all(gone(name)(live) for name in who), f"{who} to be given up", live.state, 30)
        assert hosts.dropped(host) > 0

    return fault


@pytest.mark.parametrize(
    ("host", "who"),
    [
        (INGEST, ["camera-ingester", "box-ingester"]),
        pytest.param(
            CONTROL, ["camera-ingester", "box-ingester", "reducer", "worker-1"], marks=pytest.mark.long
        ),
        pytest.param(WORK, ["worker-1"], marks=pytest.mark.long),
        pytest.param(REDUCE, ["reducer"], marks=pytest.mark.long),
    ],
)
def test_a_host_that_is_cut_off_for_longer_than_the_heartbeat_comes_back_and_nothing_is_lost(
    host: str, who: list[str]
) -> None:
    run_with(cut(host, *who))


@pytest.mark.parametrize(
    ("host", "name", "hears"),
    [
        (WORK, "worker-1", True),
        pytest.param(INGEST, "camera-ingester", False, marks=pytest.mark.long),
        pytest.param(WORK, "worker-1", False, marks=pytest.mark.long),
        pytest.param(INGEST, "camera-ingester", True, marks=pytest.mark.long),
    ],
)
def test_a_connection_that_is_half_open_costs_nothing(host: str, name: str, hears: bool) -> None:
    run_with(cut(host, name, receives=not hears, sends=hears))


def test_devices_that_are_cut_off_for_a_while_go_on_where_they_were() -> None:
    run_with(cut(DEVICE))


@pytest.mark.long
def test_viewers_behind_a_network_that_is_cut_hold_nothing_up_and_come_back() -> None:
    def fault(hosts: Hosts, live: Live) -> None:
        address = (hosts[REDUCE].address, HTTP_PORT)
        ask = f"GET /api/v1/result/$ HTTP/1.1\r\nHost: {address[0]}\r\n\r\n".encode()
        with ExitStack() as stack:
            for _ in range(20):
                with hosts[DEVICE].there():
                    viewer = stack.enter_context(socket.create_connection(address, 20))
                # It asks again and again, and takes nothing of the answers.
                viewer.sendall(ask * 50)
            hosts.harm_between(REDUCE, DEVICE, CUT)
            hosts.harm_between(DEVICE, REDUCE, CUT)
            wait_until(lambda: live.completed(EVENTS), "the whole run", live.state, PATIENCE)
            hosts.mend()
            assert viewer.recv(100).startswith(b"HTTP/1.1 200")

    run_with(fault)


@pytest.mark.long
@pytest.mark.parametrize(
    "fault", [LOSSY, MESSY, NARROW] if DEEP else [MESSY], ids=lambda fault: f"loss={fault.loss}"
)
def test_packets_that_are_lost_doubled_late_and_out_of_order_change_nothing(fault: Fault) -> None:
    def everywhere(hosts: Hosts, live: Live) -> None:
        for host in (CONTROL, DEVICE, INGEST, WORK, REDUCE):
            hosts.harm(host, fault)
        settled = live.progress()["completed_events"]
        wait_until(lambda: live.completed(min(settled + 500, EVENTS)), "some events", live.state, PATIENCE)
        assert hosts.dropped(INGEST) > 0 or not fault.loss

    run_with(everywhere)

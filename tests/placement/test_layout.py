"""From a pipeline to command lines that mean what the pipeline says."""

from __future__ import annotations

import argparse
import os
import random
import socket
import sys
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest

from beamloom.cli import _commands, _service
from beamloom.pipeline_file import Controller, DebugWorker, Pipeline, Recording, Reducer, WorkerGroup
from beamloom.placement import Layout, LocalPlacement, PlacementError, layout_of
from beamloom.placement.ports import free_ports
from beamloom.settings import (
    ControllerSettings,
    DebugWorkerSettings,
    IngesterSettings,
    ProcessSettings,
    ReducerSettings,
    StreamSettings,
    WorkerSettings,
    all_settings,
)
from placement.standins import python
from support.patience import PATIENCE
from support.ports import quiet_port

PIPELINE = Pipeline(
    name="fluorescence",
    streams={
        "xspress3": StreamSettings(device="xspress3", options={"url": "tcp://127.0.0.1:9999"}),
        "contrast": StreamSettings(
            device="contrast", options={"url": "tcp://127.0.0.1:5556", "receive_queue": 9}
        ),
    },
    workers=(
        WorkerGroup(worker_class="w:W", count=2),
        WorkerGroup(worker_class="w:Preview", tags=("preview", "fast")),
    ),
    reducer=Reducer(reducer_class="r:R", http="127.0.0.1:6001"),
    controller=Controller(http="127.0.0.1:6000", mailbox="127.0.0.1:6002"),
    debugworker=DebugWorker(http="127.0.0.1:6003", keep_events=7),
    analysis="/analysis",
    parameters={"roi": [1, 2], "name": "it's"},
    recording=Recording(prefix="/data/run-"),
    settings={"heartbeat_timeout": 2.5, "allow_pickle": False, "arm_timeout": 3.0, "log_level": "DEBUG"},
)


def settings_of_processes(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> dict[str, ProcessSettings]:
    """What each process of a layout makes of its command line, by name."""
    # Whatever the shell of the supervisor says, the pipeline file wins.
    for variable in ("WORKER_TAGS", "BEAMLOOM_NAME", "WORKER_CLASS", "INGESTER_STREAMS", "REDUCER_CLASS"):
        monkeypatch.setenv(variable, "from-the-environment")
    monkeypatch.setenv("BEAMLOOM_RECORD_PREFIX", "from-the-environment")
    found = {}
    for spec in layout.processes:
        executable, *options, command = spec.argv[:5]
        assert [executable, *options] == [sys.executable, "-P", "-m", "beamloom"]
        parser = _commands.parser_of(command, _commands.load(command))
        arguments: argparse.Namespace = parser.parse_args(spec.argv[5:])
        assert arguments.die_with_parent == os.getpid()
        with pytest.MonkeyPatch.context() as child:
            for variable, text in spec.env.items():
                child.setenv(variable, text)
            found[spec.name] = _service.settings_from(all_settings()[command], arguments)
    return found


def test_a_stream_that_is_split_has_as_many_ingesters_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StreamSettings(device="stins", ingesters=2, options={"url": "tcp://127.0.0.1:9999"})
    layout = layout_of(msgspec.structs.replace(PIPELINE, streams={"eiger": stream}))
    assert layout.ingesters == {"eiger-ingester-1", "eiger-ingester-2"}
    found = settings_of_processes(layout, monkeypatch)
    for name in layout.ingesters:
        ingester = found[name]
        assert isinstance(ingester, IngesterSettings)
        assert ingester.streams == {"eiger": stream}


def test_streams_that_share_an_ingester_are_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = PIPELINE.streams
    shared = {name: msgspec.structs.replace(stream, ingester="field") for name, stream in alone.items()}
    layout = layout_of(msgspec.structs.replace(PIPELINE, streams=shared))
    assert layout.ingesters == {"field-ingester"}
    ingester = settings_of_processes(layout, monkeypatch)["field-ingester"]
    assert isinstance(ingester, IngesterSettings)
    assert ingester.streams == alone


def test_each_process_gets_the_settings_that_the_pipeline_says(monkeypatch: pytest.MonkeyPatch) -> None:
    common: dict[str, Any] = {"log_level": "DEBUG", "heartbeat_timeout": 2.5}
    service = {**common, "controller": "tcp://127.0.0.1:6002"}
    workers = {**service, "analysis_path": "/analysis"}
    streams = PIPELINE.streams
    assert settings_of_processes(layout_of(PIPELINE), monkeypatch) == {
        "controller": ControllerSettings(
            **common,
            name="controller",
            http_port=6000,
            mailbox_port=6002,
            arm_timeout=3.0,
            parameters={"roi": [1, 2], "name": "it's"},
            record_prefix="/data/run-",
        ),
        "reducer": ReducerSettings(
            **workers,
            name="reducer",
            reducer_class="r:R",
            http_port=6001,
            allow_pickle=False,
            result_packages=("w",),
        ),
        **{
            f"{name}-ingester": IngesterSettings(
                **service, name=f"{name}-ingester", streams={name: streams[name]}, record_prefix="/data/run-"
            )
            for name in streams
        },
        "worker-1": WorkerSettings(**workers, name="worker-1", worker_class="w:W"),
        "worker-2": WorkerSettings(**workers, name="worker-2", worker_class="w:W"),
        "worker-3": WorkerSettings(
            **workers, name="worker-3", worker_class="w:Preview", tags=("preview", "fast")
        ),
        "debugworker": DebugWorkerSettings(**workers, name="debugworker", http_port=6003, keep_events=7),
    }


def test_ports_given_as_zero_are_chosen_once_for_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Pipeline(
        streams=PIPELINE.streams,
        workers=WorkerGroup(worker_class="w:W"),
        reducer=Reducer(reducer_class="r:R", http="127.0.0.1:0"),
        controller=Controller(http="127.0.0.1:0"),
    )
    layout = layout_of(pipeline)
    settings = settings_of_processes(layout, monkeypatch)
    controller, reducer, worker = (settings[name] for name in ("controller", "reducer", "worker-1"))
    assert isinstance(controller, ControllerSettings)
    assert controller.record_prefix is None
    assert isinstance(reducer, ReducerSettings)
    assert isinstance(worker, WorkerSettings)
    assert len({controller.http_port, controller.mailbox_port, reducer.http_port} - {0}) == 3
    assert worker.controller == f"tcp://127.0.0.1:{controller.mailbox_port}"
    assert layout.controller_url == f"http://127.0.0.1:{controller.http_port}"
    assert layout.reducer_url == f"http://127.0.0.1:{reducer.http_port}"


def test_a_process_that_listens_everywhere_is_reached_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = Pipeline(
        streams=PIPELINE.streams,
        workers=WorkerGroup(worker_class="w:W"),
        reducer=Reducer(reducer_class="r:R"),
        controller=Controller(http="0.0.0.0:6000", mailbox="0.0.0.0:6002"),
    )
    layout = layout_of(pipeline)
    settings = settings_of_processes(layout, monkeypatch)
    assert layout.controller_url == "http://127.0.0.1:6000"
    worker = settings["worker-1"]
    assert isinstance(worker, WorkerSettings)
    assert worker.controller == "tcp://127.0.0.1:6002"
    assert settings["controller"].bind == "0.0.0.0"


def test_free_ports_differ_and_can_be_bound() -> None:
    ports = free_ports(["127.0.0.1"] * 20)
    assert len(set(ports)) == 20
    with ExitStack() as stack:
        for port in ports:
            stack.enter_context(socket.socket()).bind(("127.0.0.1", port))


def test_free_ports_do_not_follow_the_seed_of_the_users_random_numbers() -> None:
    state = random.getstate()
    try:
        chosen = [(random.seed(1), free_ports(["127.0.0.1"] * 4))[1] for _ in range(2)]
    finally:
        random.setstate(state)
    assert chosen[0] != chosen[1]


CONTROLLER = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Config(BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Config.asked += 1
        workers = [{{"name": "worker-1"}}] if Config.asked > {late} else []
        body = json.dumps({{"ingesters": [{{"name": "s-ingester"}}], "workers": workers, "reducer": {{"name": "reducer"}}}}).encode()
        self.send_response(200); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
HTTPServer(("127.0.0.1", int(sys.argv[1])), Config).serve_forever()
"""


def pipeline_with_a_late_worker(late: int) -> Layout:
    """Stand-ins for a pipeline whose controller knows the worker only after ``late`` questions."""
    port = quiet_port()
    controller = python("controller", CONTROLLER.format(late=late))
    wait = "import signal; print('waiting for the controller'); signal.pause()"
    return Layout(
        title="stand-ins",
        processes=(
            type(controller)("controller", (*controller.argv, str(port))),
            *(python(name, wait) for name in ("reducer", "s-ingester", "worker-1")),
        ),
        controller_url=f"http://127.0.0.1:{port}",
    )


@pytest.mark.processes
def test_a_pipeline_is_ready_when_its_controller_knows_every_process() -> None:
    with LocalPlacement(pipeline_with_a_late_worker(3), quiet=True) as up:
        assert up.wait_ready(PATIENCE)


@pytest.mark.processes
def test_who_does_not_get_ready_is_named_with_its_last_line() -> None:
    with LocalPlacement(pipeline_with_a_late_worker(10**9), quiet=True) as up:
        up.wait_until(lambda now: all(status.pid for status in now.values()), PATIENCE)
        with pytest.raises(
            PlacementError, match=r"has not heard of worker-1; their last lines:\nworker-1: waiting"
        ):
            up.wait_ready(1.5)
        assert not up.wait_ready(PATIENCE, stopped=lambda: True)


@pytest.mark.processes
def test_a_process_that_gives_up_ends_the_waiting_at_once() -> None:
    layout = msgspec.structs.replace(
        pipeline_with_a_late_worker(10**9), processes=(python("broken", "raise SystemExit(2)"),)
    )
    with (
        LocalPlacement(layout, quiet=True) as up,
        pytest.raises(PlacementError, match="cannot start: broken ended"),
    ):
        up.wait_ready(PATIENCE)

"""A pipeline as process variables: a real server, real clients, a real pipeline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from beamloom.client import connect
from beamloom.client._http import Service
from beamloom.control.panels.look import Look, look_at
from beamloom.triggermap import uniform
from live.pipelines import Bench, Live, wait_until
from live.series import pictures
from support.patience import PATIENCE
from support.ports import quiet_port

thread = pytest.importorskip("p4p.client.thread", reason="needs p4p: pip install 'beamloom[epics]'")

from beamloom.control.epics.serving import PipelineServer  # noqa: E402

pytestmark = pytest.mark.processes
PREFIX = "TEST:BEAMLOOM:"
FAULT, CLOSE = 2, 3


class Variables:
    """The variables of one server, as a client sees them."""

    def __init__(self, port: int) -> None:
        conf = {
            "EPICS_PVA_NAME_SERVERS": f"127.0.0.1:{port}",
            "EPICS_PVA_AUTO_ADDR_LIST": "NO",
            "EPICS_PVA_ADDR_LIST": "",
        }
        self.context = thread.Context("pva", conf=conf, useenv=False)

    def get(self, name: str) -> Any:
        return self.context.get(PREFIX + name, timeout=PATIENCE)

    def put(self, name: str, value: Any) -> None:
        self.context.put(PREFIX + name, value, timeout=PATIENCE)

    def refusal(self, name: str, value: Any) -> str:
        with pytest.raises(thread.RemoteError) as refused:
            self.put(name, value)
        return str(refused.value)

    def reach(self, name: str, value: Any) -> None:
        wait_until(lambda: self.get(name) == value, f"{name} == {value}", lambda: str(self.get("Status")))


class Server:
    """``beamloom epics`` as a process, which may be killed and started again at the same port."""

    def __init__(self, url: str) -> None:
        self.port = quiet_port()
        self._url = url
        self.start()

    def start(self) -> None:
        settings = {
            "EPICS_PVAS_INTF_ADDR_LIST": "127.0.0.1",
            "EPICS_PVAS_SERVER_PORT": str(self.port),
            "EPICS_PVAS_BROADCAST_PORT": "0",
            "EPICS_PVAS_AUTO_BEACON_ADDR_LIST": "NO",
        }
        command = [
            sys.executable,
            "-m",
            "beamloom",
            "epics",
            PREFIX,
            "--url",
            self._url,
            "--array",
            "line=curve:1",
            "--array",
            "image=image:2",
            "--table",
            "seen=seen",
        ]
        self.process = subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert b"are served" in self.process.stdout.readline()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None:
            self.kill(signal.SIGKILL)

    def kill(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        with self.process:
            return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def server(live: Live) -> Iterator[Server]:
    server = Server(live.placement.controller_url)
    yield server
    assert server.kill(signal.SIGTERM) == 0


@pytest.fixture(scope="module")
def variables(server: Server) -> Iterator[Variables]:
    client = Variables(server.port)
    with client.context:
        wait_until(
            lambda: str(client.get("State")) != "FAULT" and client.get("State") != 2,
            "the pipeline",
            lambda: str(client.get("Status")),
        )
        # The four threads that call back are made one by one for the first monitors, and stay.
        for _ in range(4):
            called = threading.Event()
            with client.context.monitor(PREFIX + "State", lambda state, called=called: called.set()):
                assert called.wait(PATIENCE)
        yield client


def test_a_run_is_begun_by_a_put_and_followed(variables: Variables, live: Live, camera: Bench) -> None:
    seen: list[int] = []
    with variables.context.monitor(PREFIX + "CompletedEvents", lambda value: seen.append(int(value))):
        variables.put("SetTriggerMap", {"value": uniform(["camera"], 9).encode().decode()})
        camera.play("camera", pictures(9))
        variables.reach("CompletedEvents", 11)
        variables.reach("State", CLOSE)
        wait_until(lambda: bool(seen) and seen[-1] == 11, "the last change", lambda: str(seen))
    assert (variables.get("TotalEvents"), variables.get("LostEvents"), variables.get("FailedEvents")) == (
        11,
        0,
        0,
    )
    assert variables.get("Run") == live.progress()["run"]
    assert "11 of 11 events settled" in str(variables.get("Status"))
    variables.reach("Result:sample:count", 9)
    assert variables.get("Result:total") == sum(range(9))
    run = variables.get("Run")
    wait_until(lambda: len(_said(variables, run)) == 3, "the feedback", lambda: str(_said(variables, run)))
    assert _said(variables, run) == [
        (number, "next_position", f'{{"x":{3 * number}}}') for number in (1, 2, 3)
    ]
    published = live.published()
    wait_until(lambda: np.array_equal(variables.get("Result:line"), published["curve"]), "the curve")
    wait_until(lambda: np.array_equal(variables.get("Result:image"), published["image"]), "the image")
    # Images are what viewers of areaDetector read, tables what Phoebus shows as one.
    assert variables.get("Result:image").raw.getID() == "epics:nt/NTNDArray:1.0"
    wait_until(lambda: len(variables.get("Result:seen").value.event) == 9, "the table")
    table = variables.get("Result:seen")
    assert (table.getID(), list(table.labels)) == ("epics:nt/NTTable:1.0", ["event", "brightness"])
    assert dict(zip(table.value.event, table.value.brightness, strict=True)) == {
        event: event - 1 for event in range(1, 10)
    }


def _said(variables: Variables, run: str) -> list[tuple[int, str, str]]:
    """What the analysis has said in a run, as the table has it."""
    table = variables.get("Feedback").value
    rows = zip(table.run, table.number, table.kind, table.payload, strict=True)
    return [(number, kind, payload) for of, number, kind, payload in rows if of == run]


def test_parameters_are_variables_with_their_limits(variables: Variables, live: Live) -> None:
    about = variables.get("Param:gain").raw
    assert (about.display.units, about.display.description) == ("counts", "of the detector")
    assert (about.control.limitLow, about.control.limitHigh) == (0.5, 9.0)
    for name, value in {"gain": 2.5, "step": 7, "fast": True, "sample": "C-17", "mode": "mean"}.items():
        variables.put(f"Param:{name}", value)
        assert variables.get(f"Param:{name}") == value
    variables.put("Param:band", np.array([3, 5]))
    variables.put("Param:key", np.frombuffer(b"\x00\x01", np.uint8))
    values = live.get("epochs")["values"]
    assert (values["gain"], values["sample"], values["band"]) == (2.5, "C-17", [3, 5])
    assert variables.get("Param:key").tobytes() == b"\x00\x01"
    assert "'max' is not one of 'sum', 'mean'" in variables.refusal("Param:mode", "max")
    assert "above the maximum" in variables.refusal("Param:gain", 99.0)
    assert "not readable as JSON" in variables.refusal("SetTriggerMap", "nonsense")
    assert "stream 'camara' not available" in variables.refusal("Live", ["camara"])
    # What somebody else sets is seen, too.
    live.set(gain=3.5)
    variables.reach("Param:gain", 3.5)


def test_a_parameter_that_newer_code_describes_as_another_type_is_a_variable_of_that_type() -> None:
    port = quiet_port()
    conf = {
        "EPICS_PVAS_INTF_ADDR_LIST": "127.0.0.1",
        "EPICS_PVAS_SERVER_PORT": str(port),
        "EPICS_PVAS_BROADCAST_PORT": "0",
        "EPICS_PVAS_AUTO_BEACON_ADDR_LIST": "NO",
    }
    with PipelineServer(f"http://127.0.0.1:{quiet_port()}", PREFIX, [], conf=conf) as server:
        client = Variables(port)
        with client.context:
            server._show_parameter("mode", 1, {"name": "mode", "dtype": "int", "max": 3})
            assert client.get("Param:mode").raw.control.limitHigh == 3
            server._show_parameter("mode", 1, {"name": "mode", "dtype": "int", "max": 5})
            server._show_parameter(
                "mode", "mean", {"name": "mode", "dtype": "choice", "choices": ["sum", "mean"]}
            )
            assert client.get("Param:mode") == "mean"


def test_a_text_that_is_no_unicode_does_not_end_the_looks() -> None:
    conf = {"EPICS_PVAS_INTF_ADDR_LIST": "127.0.0.1", "EPICS_PVAS_SERVER_PORT": "0"}
    conf |= {"EPICS_PVAS_BROADCAST_PORT": "0", "EPICS_PVAS_AUTO_BEACON_ADDR_LIST": "NO"}
    with PipelineServer(f"http://127.0.0.1:{quiet_port()}", PREFIX, [], conf=conf) as server:
        server._show(Look("STANDBY", "worker-1: no file pr\udcf8ve.tif", known=True))
        assert server._variables["Status"].current() == "worker-1: no file pr\\udcf8ve.tif"
        assert server._thread.is_alive()


def test_the_server_may_be_killed_in_a_run_and_come_back(live: Live, camera: Bench) -> None:
    server = Server(live.placement.controller_url)
    before = Variables(server.port)
    with before.context:
        wait_until(lambda: before.get("State") != FAULT, "the pipeline", lambda: str(before.get("Status")))
        before.put("Live", ["camera"])
        run = live.progress()["run"]
        assert server.kill(signal.SIGKILL) == -signal.SIGKILL
        server.start()
    # The client of before would ask again every ten seconds, as EPICS does.
    again = Variables(server.port)
    with again.context:
        again.reach("Run", run)
        again.put("Stop", True)
        again.reach("State", CLOSE)
    assert server.kill(signal.SIGTERM) == 0


def test_a_look_costs_five_questions_and_parameters_are_read_when_they_were_set(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = Service.ask

    def counted(service: Service, method: str, path: str, **more: Any) -> Any:
        asked.append(path.removeprefix("/api/v1/"))
        return ask(service, method, path, **more)

    with connect(live.placement.controller_url) as pipeline:
        first = look_at(pipeline)
        monkeypatch.setattr(Service, "ask", counted)
        second = look_at(pipeline)
        assert sorted(asked) == ["config", "health", "load", "progress", "tree"]
        assert (second.versions, second.describing) == (first.versions, first.describing)
        pipeline.parameters["step"] = 11
        third = look_at(pipeline)
        assert {name for name, version in third.versions.items() if version != first.versions.get(name)} == {
            "step"
        }
        asked.clear()
        assert pipeline.parameters.lines("step", "gain")[0].value == 11
        assert asked == ["parameters", "parameter/step", "parameter/gain"]


def is_back(live: Live, victim: str, former: int) -> bool:
    """Whether a process other than the ``former`` one does its work, and the controller knows it."""
    if not live.answers() or not live.is_ready():
        return False
    now = live.pid(victim)
    known = live.get("config")["reducer"]["pid"] if victim == "reducer" else now
    return now == known and now not in (None, former)


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.parametrize("victim", ["controller", "reducer"])
def test_a_process_of_the_pipeline_may_be_killed_and_come_back(
    own_live: Live, own_camera: Bench, victim: str
) -> None:
    server = Server(own_live.placement.controller_url)
    client = Variables(server.port)
    with server, client.context:
        wait_until(lambda: client.get("State") != FAULT, "the pipeline", lambda: str(client.get("Status")))
        process = own_live.kill(victim)
        wait_until(
            lambda: is_back(own_live, victim, process), "its return", lambda: str(client.get("Status"))
        )
        client.put("Param:gain", 2.0)
        client.put("SetTriggerMap", {"value": uniform(["camera"], 9).encode().decode()})
        own_camera.play("camera", pictures(9))
        client.reach("State", CLOSE)
        published = own_live.published()
        assert published["total"] == 2 * sum(range(9))
        wait_until(lambda: np.array_equal(client.get("Result:image"), published["image"]), "the image")
        wait_until(lambda: len(client.get("Result:seen").value.event) == 9, "the table")
    assert server.kill(signal.SIGTERM) == 0

"""The process of the rules beside a controller: started when it is needed, started again when it dies; nothing is lost or done twice."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import requests

from beamloom.control.http import make_app
from beamloom.control.rules import OwnRules, RulesHost, RulesRefused
from beamloom.services.controller.service import ControllerService
from beamloom.settings import ControllerSettings
from beamloom.transport.http_server import HttpServer
from beamloom.transport.memory import Exchange
from beamloom.transport.messages import CONTROLLER
from rules.conftest import expected, frames, series
from support.patience import PATIENCE, STARTING
from support.redis_server import redis_server

pytestmark = [pytest.mark.processes, pytest.mark.timeout(500)]
TYPES = {"holds": "support.rule_tasks:holds", "table": "support.service_rules:Table"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ControllerSettings:
    """Of a controller whose rules read and write in ``data``, with a series of 40 frames in ``data/cell``."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # for the tasks of these tests
    # What is said to the controller alone.
    monkeypatch.setenv("BEAMLOOM_SETTINGS", str(tmp_path / "settings of the controller.yaml"))
    monkeypatch.setenv("BEAMLOOM_HTTP_PORT", "1")
    series(tmp_path / "data" / "cell", frames(40))
    return ControllerSettings(rules_below=(str(tmp_path / "data"),), rule_types=TYPES, rules_workers=1)


def rule(name: str, tmp_path: Path, **arguments: Any) -> dict[str, Any]:
    return {
        "rule": name,
        "inputs": {"series": "{{recording}}"},
        "arguments": {"chunk": 10, **arguments},
        **({"outputs": {"results": str(tmp_path / "data" / "sums.npy")}} if name == "table" else {}),
    }


def held(tmp_path: Path, **more: Any) -> tuple[OwnRules, Path]:
    """Two rules, the first of which waits until a file is removed, and that file."""
    marker = tmp_path / "marker"
    marker.touch()
    waits = rule("holds", tmp_path, parameters={"marker": str(marker)})
    inputs = {"recording": str(tmp_path / "data" / "cell")}
    return OwnRules({"chain": [waits, rule("table", tmp_path)]}, inputs, **more), marker


def wait_for(found: Callable[[], Any]) -> Any:
    """What ``found`` finds in the end."""
    deadline = time.monotonic() + STARTING
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


@pytest.mark.expects_errors
def test_a_submission_of_the_controller_is_there_once_through_deaths_of_the_service(
    tmp_path: Path, settings: ControllerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    rules, marker = held(tmp_path, by="run 1", key="1/spots")
    controller = ControllerService(ControllerSettings(), Exchange().channel(CONTROLLER))
    with closing(RulesHost(settings, tmp_path / "ledger")) as host:
        assert host.pid is None
        with HttpServer(make_app(controller, rules=host)) as server:
            url = f"{server.url}/api/v1/rules"
            chain = host.submit(rules).result(STARTING)
            first = host.pid
            assert first is not None
            wait_for(
                lambda: requests.get(f"{url}/{chain['id']}", timeout=PATIENCE).json()["steps"][0]["chunks"][
                    "leased"
                ]
            )
            os.kill(first, signal.SIGKILL)
            wait_for(lambda: host.pid not in (None, first))
            again = host.submit(rules).result(STARTING)
            assert again["id"] == chain["id"]
            assert again["by"] == "run 1"
            marker.unlink()

            def ended() -> Any:
                answer = requests.get(f"{url}/{chain['id']}", timeout=PATIENCE)
                return answer.status_code == 200 and answer.json()["state"] != "running" and answer.json()

            told = wait_for(ended)
            assert [step["state"] for step in told["steps"]] == ["done", "done"]
            assert len(requests.get(url, timeout=PATIENCE).json()["chains"]) == 1
            file = requests.get(
                f"{url}/{told['id']}/steps/{told['steps'][1]['id']}/outputs/0", timeout=PATIENCE
            )
            assert file.content == (tmp_path / "data" / "sums.npy").read_bytes()
            table = np.load(tmp_path / "data" / "sums.npy")
            assert (table["sum"] == expected(frames(40))).all()
            refused = requests.post(url, json={"rule": "tables"}, timeout=PATIENCE)
            assert refused.status_code == 400
            assert "did you mean 'table'?" in refused.json()["detail"]
        with pytest.raises(RulesRefused, match="did you mean 'table'"):
            host.submit(OwnRules({"rule": "tables"}, by="run 1")).result(STARTING)
    assert "the service of the rules has ended with the status -9, and is started again" in caplog.text


@pytest.mark.long
def test_what_the_last_controller_left_goes_on_without_anybody_asking(
    tmp_path: Path, settings: ControllerSettings
) -> None:
    rules, marker = held(tmp_path)
    with closing(RulesHost(settings, tmp_path / "ledger")) as host:
        host.submit(rules).result(STARTING)
    marker.unlink()
    with closing(RulesHost(settings, tmp_path / "ledger")):
        wait_for((tmp_path / "data" / "sums.npy").exists)


@pytest.mark.long
def test_a_controller_on_another_machine_goes_on_with_a_ledger_at_a_server(
    tmp_path: Path, settings: ControllerSettings
) -> None:
    rules, marker = held(tmp_path)
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as server:
        kept = msgspec.structs.replace(settings, store=server.url, pipeline="mine")
        with closing(RulesHost(kept, tmp_path / "one")) as host:
            assert not host.has_ledger
            host.submit(rules).result(STARTING)
            assert host.has_ledger
        marker.unlink()
        with closing(RulesHost(kept, tmp_path / "other")) as host:
            assert host.has_ledger
            wait_for((tmp_path / "data" / "sums.npy").exists)


@pytest.mark.expects_errors
def test_a_service_that_cannot_start_says_why_to_those_who_ask(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("no folder")
    controller = ControllerService(ControllerSettings(), Exchange().channel(CONTROLLER))
    with closing(RulesHost(ControllerSettings(), tmp_path / "ledger")) as host:
        with HttpServer(make_app(controller, rules=host)) as server:
            answer = requests.get(f"{server.url}/api/v1/rules", timeout=STARTING)
        assert answer.status_code == 503
        assert "the service of the rules does not run" in answer.json()["detail"]
        assert "name another folder" in answer.json()["detail"]


def test_rules_may_print_as_much_as_they_like(tmp_path: Path, settings: ControllerSettings) -> None:
    (tmp_path / "talkative.py").write_text(
        "print('word ' * 100_000)\nfrom support.service_rules import Table\n"
    )
    talks = msgspec.structs.replace(
        settings, rules_path=str(tmp_path), rule_types=TYPES | {"table": "talkative:Table"}
    )
    inputs = {"recording": str(tmp_path / "data" / "cell")}
    with closing(RulesHost(talks, tmp_path / "ledger")) as host:
        assert host.submit(OwnRules({"chain": [rule("table", tmp_path)]}, inputs)).result(STARTING)["id"]


def test_a_controller_without_rules_says_so() -> None:
    controller = ControllerService(ControllerSettings(), Exchange().channel(CONTROLLER))
    with HttpServer(make_app(controller)) as server:
        answer = requests.get(f"{server.url}/api/v1/rules", timeout=PATIENCE)
    assert answer.status_code == 503
    assert "beamloom rules serve" in answer.json()["detail"]


@pytest.mark.expects_errors
def test_a_service_that_cannot_be_started_says_so_and_is_started_when_it_can(
    tmp_path: Path, settings: ControllerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(RulesHost(settings, tmp_path / "ledger")) as host:
        with monkeypatch.context() as away:
            away.setattr(sys, "executable", str(tmp_path / "not mounted" / "python"))
            with pytest.raises(RulesRefused, match="cannot be started"):
                host.address().result(PATIENCE)
        wait_for(lambda: not host.address().exception(STARTING))
        assert host.pid is not None

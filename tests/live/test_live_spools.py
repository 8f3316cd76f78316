"""Ingesters that write ahead are killed in the middle of a run, with packets that nobody else has: nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from live.pipelines import TIMEOUT, Bench, Live, check_each_once, of_camera, running, wait_until
from live.series import Message, pictures, uniform_map

pytestmark = pytest.mark.processes

EVENTS = 900
KILLS = (200, 450, 700)


def test_nothing_is_lost_when_ingesters_are_killed_that_write_ahead(
    camera: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    gates = {sent: threading.Event() for sent in KILLS}

    def with_pauses() -> Iterator[Message]:
        # What is on its way in the sockets of a process dies with it: the device waits while its client is killed.
        for number, message in enumerate(pictures(EVENTS)):
            if number in gates:
                gates[number].wait(4 * TIMEOUT)
            yield message

    settings = {"write_ahead": True, "heartbeat_interval": 0.1, "heartbeat_timeout": 0.6}
    with running(of_camera(camera), parameters={"takes": 0.01}, settings=settings) as live:
        live.arm(uniform_map(["camera"], EVENTS))
        camera.play("camera", with_pauses())
        try:
            for sent, gate in gates.items():
                wait_until(
                    partial(_came, live, sent),
                    f"the first {sent} packets",
                    live.state,
                )
                assert not live.completed(sent), "the ingester holds nothing that it could take with it"
                before = _life(live)
                live.placement.kill("camera-ingester")
                wait_until(partial(_another, live, before), "the next ingester", live.state)
                gate.set()
            end = live.finished(4 * TIMEOUT)
        finally:
            for gate in gates.values():
                gate.set()
        assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0), live.state()
        check_each_once(live, EVENTS)
    assert list(tmp_path.rglob("*.packets")) == []


def _came(live: Live, packets: int) -> bool:
    return bool(live.get("streams")["camera"]["complete_until"] >= packets)


def _life(live: Live) -> str | None:
    return next((str(one["service_uuid"]) for one in live.get("config")["ingesters"]), None)


def _another(live: Live, before: str | None) -> bool:
    return _life(live) not in (None, before)

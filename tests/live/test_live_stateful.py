"""Constraints whose worker dies or stands still are worked through again by another process, and no result shows it."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import pictures

pytestmark = pytest.mark.processes

EVENTS = 400
IN_A_CONSTRAINT = 100


def in_constraints() -> dict[str, object]:
    cells = [[{"constraint": event // IN_A_CONSTRAINT}] for event in range(EVENTS)]
    return {"parts": {"main": {"camera": cells}}, "sequence": ["main"]}


def in_a_plain_loop() -> dict[int, float]:
    sums: dict[int, float] = {}
    for event in range(1, EVENTS + 1):
        before = 0.1 if (event - 1) % IN_A_CONSTRAINT == 0 else sums[event - 1]
        sums[event] = before * 0.9 + event
    return sums


def is_another(live: Live, worker: str, former: str | None) -> bool:
    return live.peer(worker) != former


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.long)])
def test_no_result_tells_that_workers_died_or_stood_still(camera: Bench, number: signal.Signals) -> None:
    with running(
        of_camera(camera), worker="running_sums:Worker", reducer="running_sums:Reducer", count=3
    ) as live:
        live.set(takes=0.001)
        live.arm(in_constraints())
        camera.play("camera", pictures(EVENTS), rate=200)
        for worker, events in (("worker-1", 50), ("worker-2", 150), ("worker-3", 250)):
            wait_until(partial(live.completed, events), "some events", live.state)
            former = live.peer(worker)
            pid = live.placement.kill(worker, number)
            wait_until(partial(is_another, live, worker, former), "the worker to be given up", live.state)
            if number is signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0), live.state()
        assert end["redelivered"] > 0
        tree = live.published()
        between = range(1, EVENTS + 1)
        assert {event: tree["sums"][event] for event in between} == in_a_plain_loop()
        assert {event for event in between if tree["times"][event] != 1} == set()

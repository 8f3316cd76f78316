"""User code that hangs, crashes or eats memory: one event fails, with the evidence, and all others are reduced once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import pictures, uniform_map
from support.timing import soon_enough, timed

pytestmark = pytest.mark.processes

EVENTS = 60
BAD = 20
RAISED = [
    "SystemExit",
    "KeyboardInterrupt",
    "GeneratorExit",
    "MemoryError",
    "RecursionError",
    "StopIteration",
]


@contextmanager
def harmful(
    camera: Bench, settings: Mapping[str, Any] | None = None, worker: str = "Worker", reducer: str = "Reducer"
) -> Iterator[Live]:
    """A pipeline with the analysis that does harm."""
    with running(
        of_camera(camera), worker=f"harmful:{worker}", reducer=f"harmful:{reducer}", settings=settings or {}
    ) as live:
        yield live


def run_with(live: Live, camera: Bench, **parameters: Any) -> dict[str, Any]:
    """A run of EVENTS pictures with these parameters; returns its progress at the end."""
    live.set(**parameters)
    live.arm(uniform_map(["camera"], EVENTS))
    camera.play("camera", pictures(EVENTS))
    return live.finished()


def check_only_one_failed(live: Live, end: dict[str, Any]) -> dict[str, Any]:
    """All but BAD were reduced once; returns the one error."""
    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 1, 1, 0), live.state()
    times = live.published()["times"]
    # The start event is seen by every worker, and so by those that come back.
    assert {event: count for event, count in times.items() if event and event != EVENTS + 1} == {
        event: 1 for event in range(1, EVENTS + 1) if event != BAD
    }
    (error,) = live.get("errors")
    assert error["events"] == [BAD]
    found: dict[str, Any] = error
    return found


@pytest.mark.parametrize(
    "harm",
    ["sleep", *(pytest.param(harm, marks=pytest.mark.long) for harm in ("sleep with the lock held", "loop"))],
)
def test_an_event_that_hangs_is_tried_twice_and_then_put_aside_with_its_stack(
    camera: Bench, tmp_path: Path, harm: str
) -> None:
    diary = tmp_path / "diary"
    with harmful(camera, {"event_timeout": 0.5}) as live:
        end = run_with(live, camera, harm_at=BAD, harm=harm, diary=str(diary))
        error = check_only_one_failed(live, end)
        assert error["error"] == "EventTimeout"
        assert f"event {BAD} took longer than event_timeout (0.5 s)" in error["message"]
        assert "in do_harm" in error["traceback"]
        tries = [line.split() for line in diary.read_text().splitlines()]
        assert len({process for _, process, _ in tries}) == len(tries) == 2
        assert end["redelivered"] > 0


@pytest.mark.parametrize(
    ("harm", "says"),
    [("segfault", "Segmentation fault"), pytest.param("exit at once", "os._exit", marks=pytest.mark.long)],
)
def test_an_event_that_crashes_its_process_is_tried_twice_and_then_put_aside(
    camera: Bench, tmp_path: Path, harm: str, says: str
) -> None:
    diary = tmp_path / "diary"
    with harmful(camera) as live:
        end = run_with(live, camera, harm_at=BAD, harm=harm, diary=str(diary))
        error = check_only_one_failed(live, end)
        assert says in error["message"]
        assert ("in do_harm" in error["traceback"]) == (harm == "segfault")
        assert len(diary.read_text().splitlines()) == 2


def test_whatever_is_raised_fails_its_event_and_leaves_the_process_alone(camera: Bench) -> None:
    with harmful(camera) as live:
        end = run_with(live, camera, harm_at=BAD, harm="raise")
        assert (end["reduced"], end["failed"], end["redelivered"]) == (EVENTS + 2 - len(RAISED), 6, 0)
        raised = {error["error"]: error["events"] for error in live.get("errors")}
        assert raised == {name: [BAD + place] for place, name in enumerate(RAISED)}


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.long)])
def test_what_a_worker_held_goes_to_others_within_a_second_at_default_settings(
    camera: Bench, number: signal.Signals
) -> None:
    with harmful(camera) as live:
        live.set(takes=0.01)
        soon_enough(lambda: seconds_until_fenced(live, camera, number), 1.0)


def seconds_until_fenced(live: Live, camera: Bench, number: signal.Signals) -> float:
    """A run in which a worker gets this signal: how long what it held stays with it. Nothing is lost by that."""
    wait_until(lambda: live.peer("worker-1"), "the worker", live.state)
    live.arm(uniform_map(["camera"], 200))
    camera.play("camera", pictures(200), rate=100)
    wait_until(lambda: live.completed(50), "the first events", live.state)
    before = live.peer("worker-1")
    with timed() as taking_it_away:
        pid = live.placement.kill("worker-1", number)
        wait_until(lambda: live.progress()["redelivered"] or live.peer("worker-1") != before, "its fencing")
    if number is signal.SIGSTOP:
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: live.peer("worker-1") not in (None, before), "its return", live.state)
    end = live.finished()
    assert (end["reduced"], end["failed"], end["lost"]) == (202, 0, 0), live.state()
    return taking_it_away.seconds


@contextmanager
def busy_machine() -> Iterator[None]:
    """More processes than the machine has processors compute all the time."""
    burn = [sys.executable, "-c", "while True: sum(range(100_000))"]
    burners = [subprocess.Popen(burn) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for one in burners:
            one.kill()
        for one in burners:
            one.wait()


def test_a_worker_that_works_is_not_taken_for_dead_on_a_busy_machine_whatever_holds_the_lock(
    camera: Bench,
) -> None:
    with harmful(camera, worker="LongHolder") as live, busy_machine():
        live.arm(uniform_map(["camera"], 200))
        camera.play("camera", pictures(200))
        end = live.finished()
        assert (end["reduced"], end["failed"], end["redelivered"]) == (202, 0, 0), live.state()
        said = "\n".join(live.placement.output("controller"))
        assert "is gone" not in said


def test_a_reducer_whose_code_holds_the_lock_for_long_takes_each_result_once(camera: Bench) -> None:
    with harmful(camera, reducer="LongReducer") as live:
        live.arm(uniform_map(["camera"], 60))
        camera.play("camera", pictures(60))
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (62, 0, 0), live.state()
        times = live.published()["times"]
        assert {times[event] for event in range(1, 61)} == {1}
        said = "\n".join(live.placement.output("controller"))
        assert "reducer is gone" not in said


def test_a_worker_that_leaks_is_renewed_and_no_event_is_blamed(camera: Bench) -> None:
    with harmful(camera, {"memory_limit": 220 << 20}) as live:
        events = 300
        live.set(leaks_every=4, takes=0.005)
        live.arm(uniform_map(["camera"], events))
        camera.play("camera", pictures(events))
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (events + 2, 0, 0), live.state()
        restarts = [one.restarts for one in live.placement.status() if one.name.startswith("worker")]
        assert sum(restarts) >= 2
        said = [line for name in ("worker-1", "worker-2") for line in live.placement.output(name)]
        assert any("is past memory_limit (231 MB): the process ends" in line for line in said)


def test_an_event_that_eats_memory_without_end_is_put_aside(camera: Bench) -> None:
    with harmful(camera, {"memory_limit": 220 << 20}) as live:
        end = run_with(live, camera, harm_at=BAD, harm="eat")
        error = check_only_one_failed(live, end)
        assert error["error"] == "MemoryLimit"
        assert "in do_harm" in error["traceback"]


def test_a_memory_limit_that_cannot_be_kept_refuses_the_run(camera: Bench) -> None:
    with harmful(camera, {"memory_limit": 1 << 20}) as live:
        status, sentence = live.refusal(uniform_map(["camera"], 2))
        assert status == 409
        assert "more than memory_limit (1 MB): raise it" in sentence

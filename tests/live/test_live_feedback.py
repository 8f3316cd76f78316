"""What the analysis says in a pipeline of real processes comes to whoever follows it once and in order, whoever is killed."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import Any

import pytest

import beamloom
from beamloom.client import Feedback
from beamloom.placement.processes import RestartPolicy
from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import open_map, pictures, pictures_until, uniform_map
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

DEATHS = int(os.environ.get("BEAMLOOM_TEST_DEATHS", "1"))
"""Of the reducer and of the controller each."""
EVENTS = 400 * DEATHS
OFTEN = RestartPolicy(first_delay=0.01, longest_delay=0.01, deaths=1000)


def heard_of(pipeline: beamloom.Pipeline, run: str, heard: list[Feedback]) -> threading.Thread:
    """Follow the feedback of a run from now on until it is over."""

    def follow() -> None:
        for one in pipeline.feedback(run=run):
            heard.append(one)  # noqa: PERF402  it is looked at meanwhile

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return thread


def more_than(heard: list[Feedback], goal: int) -> bool:
    """Whether so many pieces have come, and one more."""
    return len(heard) > goal


def published(live: Live) -> Any:
    """What the class has said, once its last life has finished."""
    return wait_until(lambda: (tree := live.published())["finished"] and tree["said"], "the end", live.state)


@pytest.mark.timeout(90 + 30 * DEATHS)
def test_nothing_is_lost_or_told_twice_when_reducer_and_controller_are_killed(camera: Bench) -> None:
    with (
        running(
            of_camera(camera), worker="deciding:Worker", reducer="deciding:Reducer", policy=OFTEN
        ) as live,
        beamloom.connect(live.placement.controller_url) as pipeline,
    ):
        check_with_deaths(camera, live, pipeline)
        wait_until(live.is_ready, "everyone", live.state)
        check_stop(camera, live, pipeline)


def check_with_deaths(camera: Bench, live: Live, pipeline: beamloom.Pipeline) -> None:
    run = live.arm(uniform_map(["camera"], EVENTS))
    heard: list[Feedback] = []
    following = heard_of(pipeline, run, heard)
    camera.play("camera", pictures(EVENTS), rate=200)
    for death in range(DEATHS):
        for number, name in enumerate(("reducer", "controller")):
            goal = int((0.25 + 0.4 * number + death) * EVENTS / 2 / DEATHS)
            wait_until(partial(more_than, heard, goal), f"piece {goal}", str, 2 * PATIENCE)
            live.placement.kill(name)
    following.join(2 * PATIENCE)
    assert not following.is_alive(), live.state()
    assert [one.number for one in heard] == list(range(1, len(heard) + 1))
    assert [[one.kind, one.payload] for one in heard] == published(live)
    assert {one.run for one in heard} == {run}
    assert pipeline.feedback_so_far(run=run) == heard


def check_stop(camera: Bench, live: Live, pipeline: beamloom.Pipeline) -> None:
    """A run without end is stopped by its analysis, and its end says so."""
    enough = threading.Event()
    live.set(enough=30)
    run = live.arm(open_map(["camera"]))
    camera.play("camera", pictures_until(enough), rate=500)
    try:
        end = pipeline.wait(2 * PATIENCE)
    finally:
        enough.set()
    assert (end.run, end.stopped) == (run, "the analysis said stop: that is enough")
    assert pipeline.runs[run].stopped == end.stopped
    assert (end.failed, end.aborted) == (0, False)
    (stop,) = pipeline.feedback_so_far("stop")
    assert (stop.run, stop.payload, stop.event) == (run, "that is enough", 31)
    assert (pipeline.runs[0].outcome, pipeline.runs[0].stopped) == ("stopped", end.stopped)

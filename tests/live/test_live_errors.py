"""What the user's code raises fails the events that it hits, and is told with its traceback."""

from __future__ import annotations

import pytest

from live.conftest import CAMERAS
from live.pipelines import ANALYSES, Bench, Live, running
from live.series import pictures, uniform_map

pytestmark = pytest.mark.processes

EVENTS = 40
FAILING = [3, 4, 21]


def test_a_map_that_raises_fails_exactly_those_events(live: Live, cameras: Bench) -> None:
    live.set(fails_at="3 4 21")
    live.arm(uniform_map(CAMERAS, EVENTS))
    cameras.play("front", pictures(EVENTS))
    cameras.play("side", pictures(EVENTS))
    end = live.finished()

    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2 - 3, 3, 0)
    assert [(one["error"], one["events"], one["count"]) for one in end["errors"]] == [
        ("ZeroDivisionError", "3-4, 21", 3)
    ]
    (error,) = live.get("errors")
    assert error["events"] == FAILING
    assert error["where"] == "Worker.process_event"
    assert error["message"] in [f"no light in event {event}" for event in FAILING]
    assert "in process_event" in error["traceback"]
    assert "raise ZeroDivisionError" in error["traceback"]
    tree = live.published()
    assert set(tree["times"]) == set(range(EVENTS + 2)) - set(FAILING)


def test_a_reduce_that_raises_fails_exactly_those_events(live: Live, cameras: Bench) -> None:
    live.set(reduce_fails_at="3 4 21")
    live.arm(uniform_map(CAMERAS, EVENTS))
    cameras.play("front", pictures(EVENTS))
    cameras.play("side", pictures(EVENTS))
    end = live.finished()

    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2 - 3, 3, 0)
    (error,) = live.get("errors")
    assert error["events"] == FAILING
    assert error["where"] == "Reducer.process_result"
    assert "in process_result" in error["traceback"]
    assert set(live.published()["times"]) == set(range(EVENTS + 2)) - set(FAILING)


def test_an_event_that_fails_with_one_of_its_workers_has_failed_once(live: Live, cameras: Bench) -> None:
    live.set(fails_at="0")  # the start event, which both workers see
    live.arm(uniform_map(CAMERAS, EVENTS))
    cameras.play("front", pictures(EVENTS))
    cameras.play("side", pictures(EVENTS))
    end = live.finished()

    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 1, 1, 0)
    assert live.get("errors")[0]["events"] == [0]
    assert live.get("errors")[0]["count"] == 2


def test_a_constructor_that_raises_refuses_the_run(live: Live, cameras: Bench) -> None:
    live.set(refuses="true")
    status, sentence = live.refusal(uniform_map(CAMERAS, EVENTS))
    assert status == 409
    assert "Worker.__init__" in sentence
    assert "the mask does not fit the detector" in sentence

    live.set(refuses="false")
    live.arm(uniform_map(CAMERAS, EVENTS))
    cameras.play("front", pictures(EVENTS))
    cameras.play("side", pictures(EVENTS))
    assert live.finished()["reduced"] == EVENTS + 2


def test_a_class_that_cannot_be_imported_refuses_the_run(cameras: Bench) -> None:
    streams = {camera: {"device": "stins", "url": cameras.url(camera)} for camera in CAMERAS}
    with running(streams, worker="unimportable:Worker", count=1) as live:
        status, sentence = live.refusal(uniform_map(CAMERAS, 1))
    assert status == 409
    assert "worker-1" in sentence
    assert "a_package_that_nobody_has" in sentence
    assert str(ANALYSES) in sentence or "unimportable" in sentence

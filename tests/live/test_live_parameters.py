"""Parameters change at one exact event, and every result names the epoch that it was made with."""

from __future__ import annotations

import itertools
import threading

import pytest

from live.conftest import CAMERAS
from live.pipelines import Bench, Live, wait_until
from live.series import open_map, pictures, pictures_until, uniform_map

pytestmark = pytest.mark.processes


def wait_until_published(live: Live, gain: int) -> None:
    """Wait for the first event that was processed with this gain."""
    wait_until(lambda: gain in live.published()["gain"].values(), f"the gain {gain}", live.state)


def test_a_change_holds_from_one_event_on(live: Live, cameras: Bench) -> None:
    enough = threading.Event()
    gains = [1, 7, 2, 9]
    live.arm(open_map(["front"]))
    cameras.play("front", pictures_until(enough), rate=1000)
    wait_until(lambda: live.completed(50), "the first events", live.state)
    for gain in gains[1:]:
        answer = live.post("parameter/gain", data=str(gain))
        assert answer.status_code == 200
        assert live.get("config")["parameters_hash"] == answer.json()
        wait_until_published(live, gain)
    enough.set()
    end = live.finished()
    assert (end["failed"], end["lost"]) == (0, 0)

    tree = live.published()
    events = sorted(tree["gain"])
    assert events == list(range(end["total_events"]))
    assert [gain for gain, _ in itertools.groupby(tree["gain"][event] for event in events)] == gains
    epochs = [epoch for epoch, _ in itertools.groupby(tree["epoch"][event] for event in events)]
    assert epochs == list(range(epochs[0], epochs[0] + len(gains)))
    assert len({(tree["gain"][event], tree["epoch"][event]) for event in events}) == len(gains)


def test_a_change_between_runs_holds_for_the_whole_next_run(live: Live, cameras: Bench) -> None:
    for gain in (3, 4):
        live.set(gain=gain)
        live.arm(uniform_map(CAMERAS, 30))
        cameras.play("front", pictures(30))
        cameras.play("side", pictures(30))
        assert live.finished()["reduced"] == 32
        assert set(live.published()["gain"].values()) == {gain}


def test_a_wrong_value_is_refused_and_changes_nothing(live: Live, cameras: Bench) -> None:
    live.set(gain=5)
    answer = live.post("parameter/gain", data="many")
    assert answer.status_code == 400
    assert "gain" in answer.json()["detail"]
    assert "integer" in answer.json()["detail"]
    live.arm(uniform_map(CAMERAS, 5))
    cameras.play("front", pictures(5))
    cameras.play("side", pictures(5))
    live.finished()
    assert set(live.published()["gain"].values()) == {5}

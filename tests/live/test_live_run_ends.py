"""Every run ends, however it is ended, and the next one works."""

from __future__ import annotations

import random
import statistics
import sys
import threading
import time

import pytest

from live.conftest import CAMERAS
from live.pipelines import Bench, Live, wait_until
from live.series import open_map, pictures, pictures_until, uniform_map

pytestmark = pytest.mark.processes


def check_pairs(live: Live, events: range) -> None:
    """Each of these events was reduced once, from the pictures of its own number."""
    tree = live.published()
    assert {event: tree["pictures"].get(event) for event in events} == {
        event: {"front": event - 1, "side": event - 1} for event in events
    }
    assert all(tree["times"][event] == 1 for event in events)


def test_an_open_ended_run_ends_with_its_devices(live: Live, cameras: Bench) -> None:
    live.arm(open_map(CAMERAS))
    cameras.play("front", pictures(500))
    cameras.play("side", pictures(500))
    end = live.finished()
    assert (end["total_events"], end["reduced"], end["failed"], end["lost"]) == (502, 502, 0, 0)
    assert end["stopped"] is None
    check_pairs(live, range(1, 501))
    assert live.published()["pictures"][501] == {"front": None, "side": None}
    assert live.published()["times"][501] == 2, "both workers see the end"


def test_an_open_ended_run_loses_what_only_some_devices_sent(live: Live, cameras: Bench) -> None:
    live.arm(open_map(CAMERAS))
    cameras.play("front", pictures(50))
    cameras.play("side", pictures(60))
    end = live.finished()
    assert (end["total_events"], end["reduced"], end["failed"], end["lost"]) == (62, 52, 0, 10)
    (loss,) = end["losses"]
    assert loss["events"] == "51-60"
    assert loss["cause"] == "stream 'front' ended early: other streams went on"
    check_pairs(live, range(1, 51))


def test_an_open_ended_run_ends_when_it_is_stopped(live: Live, cameras: Bench) -> None:
    enough = threading.Event()
    live.arm(open_map(CAMERAS))
    cameras.play("front", pictures_until(enough), rate=500)
    cameras.play("side", pictures_until(enough), rate=500)
    wait_until(lambda: live.completed(100), "the first events", live.state)
    assert live.post("stop").status_code == 200
    end = live.finished()
    enough.set()
    assert end["stopped"] == "asked to stop over HTTP"
    assert end["failed"] == 0
    assert end["reduced"] + end["lost"] == end["total_events"] >= 101
    assert end["lost"] <= 50, "only what one camera had sent and the other not yet"
    check_pairs(live, range(1, end["reduced"]))


def test_a_run_that_is_stopped_loses_the_rest_and_the_next_one_works(live: Live, cameras: Bench) -> None:
    live.arm(uniform_map(CAMERAS, 1000))
    cameras.play("front", pictures(1000), rate=500)
    cameras.play("side", pictures(1000), rate=500)
    wait_until(lambda: live.completed(100), "the first events", live.state)
    assert live.post("stop").status_code == 200
    end = live.finished()
    assert (end["total_events"], end["failed"]) == (1002, 0)
    assert 100 <= end["reduced"] < 1000
    assert end["lost"] == 1002 - end["reduced"]
    (loss,) = end["losses"]
    assert loss["events"] == f"{end['reduced']}-1001"
    assert loss["cause"] == "the run was stopped: asked to stop over HTTP"
    check_pairs(live, range(1, end["reduced"]))


def test_a_run_that_is_stopped_before_anything_came_is_lost(live: Live, cameras: Bench) -> None:
    live.arm(uniform_map(CAMERAS, 10))
    live.post("stop")
    end = live.finished()
    assert (end["total_events"], end["reduced"], end["lost"]) == (12, 0, 12)


def test_a_run_without_any_event_is_over_at_once(live: Live, cameras: Bench) -> None:
    live.arm(uniform_map(CAMERAS, 0), all_wrap=False)
    end = live.finished()
    assert (end["total_events"], end["reduced"], end["lost"]) == (0, 0, 0)


def test_a_new_map_gives_up_the_run_that_goes_on(live: Live, cameras: Bench) -> None:
    given_up = live.arm(uniform_map(CAMERAS, 10))
    again = live.arm(uniform_map(CAMERAS, 20))
    cameras.play("front", pictures(20))
    cameras.play("side", pictures(20))
    end = live.finished()
    assert (end["run"], end["reduced"], end["lost"]) == (again, 22, 0)
    check_pairs(live, range(1, 21))
    (former,) = [run for run in live.get("runs") if run["run"] == given_up]
    assert (former["total_events"], former["lost"]) == (12, 12)


def test_twenty_runs_in_a_row_of_any_length(live: Live, addresses: dict[str, tuple[str, str]]) -> None:
    lengths = [0, 1, 0, 1, 2, *random.Random(20).choices(range(3, 200), k=15)]
    arming: list[float] = []
    with Bench(addresses) as cameras:
        for length in lengths:
            begin = time.perf_counter()
            run = live.arm(uniform_map(CAMERAS, length))
            arming.append(time.perf_counter() - begin)
            if (
                length
            ):  # nobody is to see a map without any cell, not even its start and end: it waits for nothing
                cameras.play("front", pictures(length))
                cameras.play("side", pictures(length))
            end = live.finished()
            assert (end["run"], end["reduced"], end["failed"], end["lost"]) == (run, length + 2, 0, 0)
            check_pairs(live, range(1, length + 1))
            seen = length + 2 if length else 0
            assert len(live.published()["times"]) == seen, "nothing of the run before is left"
    median, longest = 1000 * statistics.median(arming), 1000 * max(arming)
    sys.stdout.write(f"armed {len(arming)} times: median {median:.0f} ms, longest {longest:.0f} ms\n")

"""One camera whose pictures are dealt out to two ingesters: the run is the same as with one, but for who received what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from live.pipelines import Bench, Live, check_each_once, running, wait_until
from live.series import open_map, pictures, uniform_map

pytestmark = pytest.mark.processes

EVENTS = 60
INGESTERS = {"camera-ingester-1", "camera-ingester-2"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the camera listens."""
    return f"ipc://{tmp_path_factory.mktemp('camera') / 'camera'}"


@pytest.fixture(scope="module")
def live(address: str) -> Iterator[Live]:
    """A pipeline whose one stream is split over two ingesters."""
    with running(
        {"camera": {"device": "stins", "url": address, "ingesters": 2}},
        settings={"arm_timeout": 2.0, "straggler_timeout": 2.0, "share_grace": 0.3},
    ) as live:
        yield live


@pytest.fixture
def camera(address: str) -> Iterator[Bench]:
    """The camera, which is new for each test."""
    with Bench({"camera": ("stins", address)}) as bench:
        yield bench


def received(live: Live) -> dict[str, int]:
    """How many packets each ingester had."""
    shares = live.get("streams")["camera"]["shares"]
    return {name: one["packets"] for name, one in shares.items()}


def test_each_picture_is_reduced_once_whichever_ingester_had_it(live: Live, camera: Bench) -> None:
    live.arm(uniform_map(["camera"], EVENTS))
    camera.play("camera", pictures(EVENTS))
    end = live.finished()
    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0)
    check_each_once(live, EVENTS)
    assert set(received(live)) == INGESTERS
    assert sorted(received(live).values()) == [EVENTS // 2 + 1, EVENTS // 2 + 1]
    stream = live.get("streams")["camera"]
    assert (stream["packets"], stream["gaps"], stream["duplicates"]) == (EVENTS + 2, 0, 0)


def test_a_picture_that_the_camera_skips_is_lost_and_no_other(live: Live, camera: Bench) -> None:
    live.arm(uniform_map(["camera"], EVENTS))
    front = pictures(EVENTS)
    del front[17]
    camera.play("camera", front)
    end = live.finished()
    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 1, 0, 1)
    (loss,) = end["losses"]
    assert loss["events"] == "17"
    assert loss["cause"] == "stream 'camera' skipped frame numbers: a gap in what the device sent"
    assert live.get("streams")["camera"]["gaps"] == 1


def test_what_is_left_over_of_an_earlier_series_reaches_no_event(live: Live, camera: Bench) -> None:
    live.arm(uniform_map(["camera"], EVENTS))
    rest = pictures(2 * EVENTS)[EVENTS:]
    camera.play("camera", [*rest, *_renumbered(pictures(EVENTS), first=1000)])
    end = live.finished()
    assert (end["reduced"], end["lost"]) == (EVENTS + 2, 0)
    check_each_once(live, EVENTS)
    assert live.get("streams")["camera"]["discarded_before_start"] == len(rest)


def _renumbered(messages: list[list[bytes]], first: int) -> list[list[bytes]]:
    """The same series of a sender that has counted so far."""
    return [
        [frames[0].replace(b'"msg_number":%d' % n, b'"msg_number":%d' % (first + n)), *frames[1:]]
        for n, frames in enumerate(messages)
    ]


def test_an_open_ended_run_ends_with_the_series(live: Live, camera: Bench) -> None:
    live.arm(open_map(["camera"]))
    camera.play("camera", pictures(EVENTS))
    end = live.finished()
    assert (end["reduced"], end["lost"], end["total_events"]) == (EVENTS + 2, 0, EVENTS + 2)
    check_each_once(live, EVENTS)


def test_a_run_that_is_stopped_works_off_what_has_come(live: Live, camera: Bench) -> None:
    live.arm(open_map(["camera"]))
    camera.play("camera", pictures(EVENTS)[:-1])
    wait_until(lambda: live.completed(EVENTS + 1), "all that was sent", live.state)
    assert live.post("stop").status_code == 200
    end = live.finished()
    assert (end["reduced"], end["lost"]) == (EVENTS + 1, 0)


def test_the_streams_and_the_ingesters_say_that_they_are_split(live: Live) -> None:
    ingesters = {one["name"]: one for one in live.get("config")["ingesters"]}
    assert set(ingesters) == INGESTERS
    assert all(one["split_over"] == {"camera": 2} for one in ingesters.values())


def test_when_an_ingester_dies_the_others_go_on_and_the_run_ends(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path / 'camera'}"
    with (
        Bench({"camera": ("stins", address)}) as camera,
        running(
            {"camera": {"device": "stins", "url": address, "ingesters": 2}},
            settings={"straggler_timeout": 1.0, "share_grace": 0.3},
        ) as live,
    ):
        live.arm(uniform_map(["camera"], 400))
        camera.play("camera", pictures(400), rate=200)
        wait_until(lambda: live.completed(100), "a quarter of the run", live.state)
        live.placement.kill("camera-ingester-1")
        end = live.finished()
        assert end["reduced"] + end["lost"] == 402
        assert end["failed"] == 0
        assert end["reduced"] > 250, "the other ingester gets what is sent from then on"
        assert all("'camera-ingester-1'" in loss["cause"] for loss in end["losses"])

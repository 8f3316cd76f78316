"""Scan software and detectors begin, and runs are there: nobody calls HTTP. In real processes, with a real RunEngine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beamloom.devices import dectris_v2, sardana
from beamloom.devices.bluesky import DocumentPublisher
from devices.bluesky_engine import hutch
from live.pipelines import TIMEOUT, Bench, Live, of_camera, running, wait_until
from live.series import pictures
from support.ports import quiet_address
from support.timing import soon_enough, timed

pytestmark = pytest.mark.processes


def ended(live: Live, runs: int) -> list[dict[str, Any]]:
    """Wait for so many runs to have ended; returns them, the first of all first."""

    def look() -> list[dict[str, Any]] | None:
        listed = [run for run in reversed(live.get("runs")) if run["finished_at"] is not None]
        return listed if len(listed) >= runs else None

    found: list[dict[str, Any]] = wait_until(look, f"the end of run {runs}", live.state)
    return found


def counts(run: dict[str, Any]) -> tuple[int, int, int]:
    return run["reduced"], run["failed"], run["lost"]


def documents(**streams: Any) -> Any:
    return running(streams, worker="documents:Worker", reducer="documents:Reducer")


def test_a_run_engine_scans_twice_with_nobody_arming(tmp_path: Path) -> None:
    publisher = DocumentPublisher("tcp://127.0.0.1:0")
    with (
        documents(scan={"device": "bluesky", "url": publisher.url, "arms": True}) as live,
        hutch(tmp_path, publisher) as made,
    ):
        publisher.wait_for_client(TIMEOUT)
        made.scan(5)
        made.scan(8)
        first, second = ended(live, 2)
        tree = live.published()
        assert (counts(first), counts(second)) == ((7, 0, 0), (10, 0, 0))
        assert {n: row for n, row in tree["rows"].items() if row} == {
            n + 1: {"motor": float(n)} for n in range(8)
        }
        assert live.get("status")["self_arming"] == {"waiting": [], "problem": None}
        made.fly(6)
        *_, third = ended(live, 3)
        kinds = live.published()["kinds"]
        assert counts(third) == (len(kinds), 0, 0)
        assert list(kinds.values()).count("BlueskyEvent") == len(kinds) - 2 >= 6
    publisher.close()


def test_sardana_posts_its_first_scan_to_a_pipeline_that_has_had_no_run() -> None:
    recorder = sardana.SardanaRecorder("http://127.0.0.1:0")
    with documents(scan={"device": "sardana", "url": recorder.url, "arms": True}) as live:
        recorder.wait_for_client(TIMEOUT)
        for points in (4, 6):
            recorder.play(sardana.generate(points=points))
            assert all(answer["kept"] for answer in recorder.answers)
        assert [counts(run) for run in ended(live, 2)] == [(6, 0, 0), (8, 0, 0)]


def test_arming_a_run_over_http_finds_sardanas_port_open_already() -> None:
    cells = [[{"constraint": event}] for event in range(4)]

    def armed() -> float:
        recorder = sardana.SardanaRecorder("http://127.0.0.1:0")
        with documents(scan={"device": "sardana", "url": recorder.url}) as live:
            recorder.wait_for_client(TIMEOUT)
            recorder.play(sardana.generate(points=4))
            with timed() as arming:
                live.arm({"parts": {"main": {"scan": cells}}, "sequence": ["main"]})
            assert counts(live.finished()) == (6, 0, 0)
        return arming.seconds

    soon_enough(armed, 1.0)


def test_series_after_series_of_a_detector_is_run_after_run(camera: Bench) -> None:
    camera_that_arms = {"camera": {**of_camera(camera)["camera"], "arms": True}}
    with running(camera_that_arms) as live:
        for index, frames in enumerate((5, 9)):
            camera.play("camera", pictures(frames))
            assert counts(ended(live, index + 1)[index]) == (frames + 2, 0, 0)
            shown = live.published()["pictures"]
            assert {n: shown[n]["camera"] for n in range(1, frames + 1)} == {n + 1: n for n in range(frames)}


def test_a_dectris_detector_arms_together_with_the_scan() -> None:
    recorder = sardana.SardanaRecorder(f"http://{quiet_address()}")
    with Bench({"eiger": ("dectris_v2", "tcp://127.0.0.1:*")}) as bench:
        streams = {
            "scan": {"device": "sardana", "url": recorder.url, "arms": True},
            "eiger": {"device": "dectris_v2", "url": bench.url("eiger"), "arms": True},
        }
        with documents(**streams) as live:
            recorder.wait_for_client(TIMEOUT)
            for runs in (1, 2):
                bench.play("eiger", dectris_v2.generate(frames=4, series_id=runs))
                recorder.play(sardana.generate(points=4))
                assert counts(ended(live, runs)[runs - 1]) == (6, 0, 0)

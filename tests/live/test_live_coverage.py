"""What the reducer says of its result while a frame is missing, an event fails and a worker is killed."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from live.pipelines import TIMEOUT, Live, of_camera, running, wait_until
from live.pipelines import Bench as Cameras
from live.series import pictures, uniform_map

pytestmark = pytest.mark.processes

EVENTS = 2000
MISSING, FAILING, REFUSED = 700, 900, 1100


def coverage(live: Live, path: str = "coverage") -> dict[str, Any]:
    """The answer of the reducer; the states of the events make up the run at any moment."""
    answer = requests.get(f"{live.placement.reducer_url}/api/v1/{path}", timeout=TIMEOUT)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    if found["total_events"] is not None:
        assert sum(found["counts"].values()) == found["total_events"]
    return found


def test_the_coverage_names_a_gap_what_failed_and_nothing_of_a_worker_that_was_killed(
    camera: Cameras,
) -> None:
    messages = pictures(EVENTS)
    # The header is event 0, and the picture with index n - 1 is that of event n.
    assert len(messages) == EVENTS + 2
    del messages[MISSING]
    parameters = {"takes": 0.0005, "fails_at": str(FAILING), "reduce_fails_at": str(REFUSED)}
    with running(of_camera(camera), parameters=parameters) as live:
        run = live.arm(uniform_map(["camera"], EVENTS))
        camera.play("camera", messages, rate=1500)
        wait_until(lambda: coverage(live)["counts"]["reduced"] > 300, "the first events", live.state)
        live.placement.kill("worker-1")
        wait_until(lambda: coverage(live)["over"], "the end of the run", live.state)
        seen = coverage(live)
        assert seen["run"] == run
        assert seen["failed"] == [[FAILING, FAILING], [REFUSED, REFUSED]]
        (loss,) = seen["lost"]
        assert loss["events"] == [MISSING, MISSING]
        assert "gap" in loss["cause"]
        assert seen["pending"] == []
        assert not seen["complete"]
        assert seen["sentence"].startswith(
            f"Not complete: {EVENTS - 1} of {EVENTS + 2} events are in the result"
        )
        events = {event for first, last in seen["reduced"] for event in range(first, last + 1)}
        assert set(live.published()["times"]) == events

        live.finished()
        told = live.get("coverage")
        assert {key: told[key] for key in ("reduced", "failed", "lost")} == {
            key: seen[key] for key in ("reduced", "failed", "lost")
        }
        assert coverage(live, "runs/last/coverage")["reduced"] == seen["reduced"]

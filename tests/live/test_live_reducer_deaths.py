"""The reducer is killed again and again in a run: the result is that of an undisturbed one, and viewers are told to ask again."""

from __future__ import annotations

import os
import random
import threading
import time
from functools import partial

import pytest
import requests

from beamloom.placement import PlacementError
from beamloom.placement.processes import RestartPolicy
from live.pipelines import Bench, Live, check_each_once, of_camera, running, wait_until
from live.series import pictures, uniform_map
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

DEATHS = int(os.environ.get("BEAMLOOM_TEST_DEATHS", "3"))
"""The long form has 20 of them, and 20,000 events."""
EVENTS = 1000 * max(DEATHS, 3)
RATE = 1500


class Watch:
    """Looks at the progress and at the result all the time, as a viewer does."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._over = threading.Event()
        self.longest_stall = 0.0
        """Longest time in which no event was settled, in seconds."""
        self.versions: list[int] = []
        self.statuses: set[int] = set()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        progress = f"{self._live.placement.controller_url}/api/v1/progress"
        result = f"{self._live.placement.reducer_url}/api/v1/result/$.finished"
        settled, since = -1, time.monotonic()
        with requests.Session() as session:
            session.trust_env = False
            while not self._over.wait(0.02):
                told = session.get(progress, timeout=PATIENCE).json()
                if told["completed_events"] != settled or told["finished"]:
                    settled, since = told["completed_events"], time.monotonic()
                self.longest_stall = max(self.longest_stall, time.monotonic() - since)
                try:
                    answer = session.get(result, timeout=PATIENCE)
                except requests.RequestException:
                    continue
                self.statuses.add(answer.status_code)
                if answer.status_code == 200:
                    self.versions.append(int(answer.headers["X-Beamloom-Version"]))


@pytest.mark.timeout(30 + 10 * DEATHS)
def test_a_run_outlives_its_reducer_however_often_that_dies(camera: Bench) -> None:
    chance = random.Random(7)
    with running(of_camera(camera), policy=RestartPolicy(deaths=1000)) as live:
        live.arm(uniform_map(["camera"], EVENTS))
        with Watch(live) as watch:
            camera.play("camera", pictures(EVENTS), rate=RATE)
            for death in range(DEATHS):
                at = (death + chance.random()) * EVENTS / (DEATHS + 1)
                wait_until(partial(live.completed, int(at)), f"event {at:.0f}", live.state, 60)
                try:
                    live.placement.kill("reducer")
                except PlacementError:
                    # It is being started again.
                    wait_until(lambda: "reducer" in _running(live), "the reducer", live.state)
                    live.placement.kill("reducer")
            end = live.finished(60 + 5 * DEATHS)
        assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0), live.state()
        check_each_once(live, EVENTS)
        assert live.published()["finished"] == {"called": 1}
        assert watch.statuses <= {200, 404, 503}
        assert watch.versions == sorted(watch.versions)
        if DEATHS >= 20:
            print(f"{DEATHS} deaths, {EVENTS} events, longest stall {watch.longest_stall:.2f} s")  # noqa: T201


def _running(live: Live) -> set[str]:
    return {status.name for status in live.placement.status() if status.pid is not None}

"""A reducer that is split over real processes: faster than one, and nobody can tell which of them was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import requests

from beamloom.placement.processes import RestartPolicy
from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import pictures, uniform_map
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

LEAVES = 3
READY = 200.0
"""Seconds: a reducer waits for its leaves, which takes as long as the machine takes to start Python three times more."""
PATIENT = {"reducer_timeout": 300.0, "arm_timeout": 40.0}


def leaves_of(live: Live) -> Sequence[int]:
    """The processes that are the leaves now; none while the reducer is being started."""
    session = requests.Session()
    session.trust_env = False
    try:
        told = session.get(f"{live.placement.reducer_url}/api/v1/status", timeout=PATIENCE).json()
    except requests.RequestException:
        return []
    finally:
        session.close()
    return [one["pid"] for one in told.get("leaves", [])]


def check(live: Live, events: int) -> None:
    """Each picture is in the result once; the first, which holds 0, is left out by the analysis."""
    tree = live.published()
    assert tree["title"] == "dealt out"
    assert np.asarray(tree["times"]["data"])[2 : events + 1].tolist() == [1] * (events - 1)
    assert int(np.asarray(tree["sum"]["sum"])) == sum(range(events))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_run_outlives_its_leaves_and_its_reducer(camera: Bench) -> None:
    events = 1500
    with running(
        of_camera(camera),
        worker="dealt_out:Worker",
        reducer="dealt_out:Reducer",
        leaves=LEAVES,
        policy=RestartPolicy(deaths=1000),
        settings=PATIENT,
        ready=READY,
    ) as live:
        live.arm(uniform_map(["camera"], events))
        camera.play("camera", pictures(events), rate=500)
        former: Sequence[int] = []
        for death in range(3):
            at = (death + 1) * events // 5
            wait_until(partial(live.completed, at), f"event {at}", live.state, 120)

            def born(before: Sequence[int] = former) -> Sequence[int]:
                now = leaves_of(live)
                return now if len(now) == LEAVES and not set(now) & set(before) else []

            former = wait_until(born, "leaves of this life", live.state, 120)
            if death == 1:
                live.kill("reducer")
            else:
                os.kill(former[death], signal.SIGKILL)
        end = live.finished(200)
        assert (end["reduced"], end["failed"], end["lost"]) == (events + 2, 0, 0), live.state()
        wait_until(lambda: len(leaves_of(live)) == LEAVES, "the last leaves", live.state, 120)
        check(live, events)
        last = leaves_of(live)
    # They have ended with the pipeline.
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in last), "the end of the leaves")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_class_that_cannot_be_split_is_refused_when_a_run_is_armed(camera: Bench) -> None:
    with running(
        of_camera(camera),
        worker="dealt_out:Worker",
        reducer="dealt_out:Counting",
        leaves=LEAVES,
        settings=PATIENT,
        ready=READY,
    ) as live:
        status, sentence = live.refusal(uniform_map(["camera"], 10))
        assert status < 500
        assert "cannot be split over 3 leaves" in sentence
        assert "set leaves to 1" in sentence


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_result_that_ends_each_leaf_that_gets_it_fails_alone(camera: Bench) -> None:
    events = 100
    with running(
        of_camera(camera),
        worker="dealt_out:Worker",
        reducer="dealt_out:Deadly",
        leaves=LEAVES,
        policy=RestartPolicy(deaths=1000),
        settings=PATIENT,
        ready=READY,
    ) as live:
        live.arm(uniform_map(["camera"], events))
        camera.play("camera", pictures(events), rate=500)
        end = live.finished(300)
        assert (end["reduced"], end["failed"], end["lost"]) == (events + 1, 1, 0), live.state()
        assert "set aside" in str(live.get("errors"))

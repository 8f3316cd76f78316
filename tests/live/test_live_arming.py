"""A run begins when everything is there; else a sentence says what is not."""

from __future__ import annotations

import statistics

import pytest

from live.conftest import CAMERAS
from live.pipelines import Bench, Live
from live.series import pictures, uniform_map
from support.timing import soon_enough, timed

pytestmark = pytest.mark.processes


def test_a_device_that_is_not_there_refuses_the_run(
    live: Live, addresses: dict[str, tuple[str, str]]
) -> None:
    sentence = ""

    def refused() -> float:
        nonlocal sentence
        with timed() as arming:
            _, sentence = live.refusal(uniform_map(CAMERAS, 10))
        return arming.seconds

    with Bench({"front": addresses["front"]}):
        soon_enough(refused, 4)  # the arm timeout of this pipeline is 1 s
    assert "stream 'side'" in sentence
    assert addresses["side"][1] in sentence
    assert "'front'" not in sentence


def test_a_device_that_is_not_there_is_told_from_a_run_that_cannot_be(live: Live) -> None:
    status, _ = live.refusal(uniform_map(CAMERAS, 10))
    assert status == 424


def test_after_a_refusal_the_device_is_switched_on_and_the_run_begins(
    live: Live, addresses: dict[str, tuple[str, str]]
) -> None:
    live.refusal(uniform_map(CAMERAS, 10))
    with Bench(addresses) as cameras:
        live.arm(uniform_map(CAMERAS, 10))
        cameras.play("front", pictures(10))
        cameras.play("side", pictures(10))
        end = live.finished()
    assert (end["reduced"], end["lost"]) == (12, 0)


def test_a_stream_that_nobody_has_is_named(live: Live) -> None:
    status, sentence = live.refusal(uniform_map(["front", "sied"], 10))
    assert status == 400
    assert "'sied'" in sentence
    assert "side" in sentence


def test_a_tag_that_nobody_has_is_named(live: Live) -> None:
    trigger_map = {"parts": {"main": {"front": [[{"tags": ["gpu"], "constraint": 0}]]}}, "sequence": ["main"]}
    status, sentence = live.refusal(trigger_map)
    assert status == 400
    assert "gpu" in sentence


def test_a_run_leaves_out_streams_that_its_map_does_not_name(
    live: Live, addresses: dict[str, tuple[str, str]]
) -> None:
    with Bench({"front": addresses["front"]}) as cameras:
        live.arm(uniform_map(["front"], 10))
        cameras.play("front", pictures(10))
        end = live.finished()
    assert (end["reduced"], end["lost"]) == (12, 0)
    assert live.published()["pictures"][3] == {"front": 2}


def test_a_client_that_keeps_its_connection_is_answered_at_once(live: Live) -> None:
    def answered() -> float:
        with timed() as asking:
            live.progress()
        return asking.seconds

    soon_enough(lambda: statistics.median(answered() for _ in range(20)), 0.03)

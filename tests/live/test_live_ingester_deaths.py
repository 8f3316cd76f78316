"""Ingesters are killed again and again in runs of real processes; what is lost is named, and everything else pairs right."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from beamloom.placement.processes import RestartPolicy
from live.pipelines import Bench, Live, running, wait_until
from live.series import pictures, uniform_map

pytestmark = pytest.mark.processes

DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))
OFTEN = RestartPolicy(first_delay=0.01, longest_delay=0.01, deaths=1000)


def check_pairs(live: Live, end: dict[str, Any], streams: list[str]) -> None:
    """Each event that is reduced was reduced once, from the packets that are its own; every other one is lost, with its cause."""
    tree = live.published()
    assert end["failed"] == 0
    assert end["reduced"] + end["lost"] == end["total_events"]
    assert len(tree["said"]) == end["reduced"]
    last = end["total_events"] - 1
    for event, said in tree["said"].items():
        expected = {} if event in (0, last) else dict.fromkeys(streams, event - 1)
        assert said == expected, event
    assert {event: times for event, times in tree["times"].items() if times != 1} == {}
    for loss in end["losses"]:
        assert "the ingester of stream" in loss["cause"] or "skipped frame numbers" in loss["cause"], loss


@pytest.mark.timeout(180 if DEEP else 90)
def test_two_devices_are_taken_up_again_and_again(tmp_path: Path) -> None:
    events, kills = (20_000, 12) if DEEP else (3000, 3)
    chance = random.Random(7)
    devices = {"camera": ("stins", f"ipc://{tmp_path / 'camera'}"), "box": ("pandabox", "tcp://127.0.0.1:*")}
    box = list(find_messages(events))
    with Bench(devices) as bench:
        streams = {s: {"device": device, "url": bench.url(s)} for s, (device, _) in devices.items()}
        with running(
            streams, count=2, policy=OFTEN, worker="pairs:Worker", reducer="pairs:Reducer"
        ) as live:
            live.arm(uniform_map(devices, events))
            bench.play("camera", pictures(events), rate=600)
            bench.play("box", box, rate=600)
            for number in range(kills):
                goal = events * (number + chance.random()) / (kills + 1)
                wait_until(lambda goal=goal: live.completed(int(goal)), "events", live.state, 60)
                victim = ("camera", "box")[number % 2]
                live.placement.kill(f"{victim}-ingester")
                wait_until(lambda: not live.progress()["waits"], "the next ingester", live.state)
            end = live.finished(60)
            check_pairs(live, end, ["camera", "box"])
            assert end["reduced"] > events / 2, live.state()


def find_messages(events: int) -> Any:
    """One arm of a PandABox, whose counter is the number of the row."""
    from beamloom.devices import pandabox

    return pandabox.generate(rows=events)

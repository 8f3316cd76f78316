"""Ingesters are killed again and again in runs of real processes; what is lost is named, and everything else pairs right."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beamloom.devices import pandabox
from beamloom.placement.processes import RestartPolicy
from live.pipelines import Bench, Live, running, wait_until
from live.series import pictures, uniform_map
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))
AHEAD = {"write_ahead": True}
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
    # Each of the workers sees the first event and the last one.
    once = {event: times for event, times in tree["times"].items() if event not in (0, last)}
    assert set(once.values()) == {1}
    for loss in end["losses"]:
        assert "the ingester of stream" in loss["cause"] or "skipped frame numbers" in loss["cause"], loss


class Pace:
    """Lets devices send so far and no further."""

    def __init__(self) -> None:
        self._until = 0
        self._moved = threading.Condition()

    def __enter__(self) -> Pace:
        return self

    def __exit__(self, *exception: object) -> None:
        self.let(sys.maxsize)

    def let(self, until: int) -> None:
        """So many messages may be sent now, in all."""
        with self._moved:
            self._until = until
            self._moved.notify_all()

    def of(self, messages: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
        """The messages, each when it may be sent."""
        for index, message in enumerate(messages):
            with self._moved:
                self._moved.wait_for(lambda index=index: index < self._until)  # type: ignore[misc]
            yield message


def ingester(live: Live, stream: str) -> str | None:
    """The id of the present life of the ingester of a stream; None while the controller does not know it."""
    known = {str(one["name"]): str(one["service_uuid"]) for one in live.get("config")["ingesters"]}
    return known.get(f"{stream}-ingester")


@pytest.mark.long
@pytest.mark.timeout(180 if DEEP else 90)
def test_two_devices_are_taken_up_again_and_again(tmp_path: Path) -> None:
    events, kills = (20_000, 12) if DEEP else (3000, 3)
    chance = random.Random(7)
    devices = {"camera": ("stins", f"ipc://{tmp_path / 'camera'}"), "box": ("pandabox", "tcp://127.0.0.1:*")}
    pace = Pace()
    with Bench(devices) as bench, pace:
        streams = {s: {"device": device, "url": bench.url(s)} for s, (device, _) in devices.items()}
        with running(streams, count=2, policy=OFTEN, worker="pairs:Worker", reducer="pairs:Reducer") as live:
            live.arm(uniform_map(devices, events))
            bench.play("camera", pace.of(pictures(events)), rate=1000)
            bench.play("box", pace.of(pandabox.generate(rows=events)), rate=1000)
            for number in range(kills):
                # They go on for a while when nobody listens, but not to the end of the series.
                until = events * (number + 1) // (kills + 1)
                pace.let(until)
                goal = until - chance.randrange(50, 200)
                wait_until(lambda goal=goal: live.completed(goal), "events", live.state, 60)  # type: ignore[misc]
                victim = ("camera", "box")[number % 2]
                before = ingester(live, victim)
                live.placement.kill(f"{victim}-ingester")
                wait_until(
                    lambda victim=victim, before=before: ingester(live, victim) not in (None, before),  # type: ignore[misc]
                    "the next ingester",
                    live.state,
                    PATIENCE,
                )
                wait_until(lambda: not live.progress()["waits_for"], "its arming", live.state)
            pace.let(events + 2)
            end = live.finished(60)
            check_pairs(live, end, ["camera", "box"])
            assert end["reduced"] > events / 2, live.state()


@pytest.mark.timeout(90)
def test_two_devices_of_one_ingester_are_taken_up_when_it_dies(tmp_path: Path) -> None:
    events = 2000
    devices = {"camera": ("stins", f"ipc://{tmp_path / 'camera'}"), "box": ("pandabox", "tcp://127.0.0.1:*")}
    with Bench(devices) as bench, Pace() as pace:
        streams = {
            stream: {"device": device, "url": bench.url(stream), "ingester": "field"}
            for stream, (device, _) in devices.items()
        }
        with running(
            streams, policy=OFTEN, worker="pairs:QuickWorker", reducer="pairs:Reducer", settings=AHEAD
        ) as live:
            assert [one["name"] for one in live.get("config")["ingesters"]] == ["field-ingester"]
            live.arm(uniform_map(devices, events))
            bench.play("camera", pace.of(pictures(events)), rate=2000)
            bench.play("box", pace.of(pandabox.generate(rows=events)), rate=2000)
            pace.let(events)
            wait_until(lambda: live.completed(events // 4), "events", live.state)
            before = ingester(live, "field")
            live.placement.kill("field-ingester")
            wait_until(lambda: ingester(live, "field") not in (None, before), "the next ingester", live.state)
            wait_until(lambda: not live.progress()["waits_for"], "its arming", live.state)
            pace.let(events + 2)
            check_pairs(live, live.finished(60), ["camera", "box"])

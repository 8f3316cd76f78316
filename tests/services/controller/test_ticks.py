"""Ticks outlive the workers that asked for them, and nobody waits for a tick that nobody wants."""

from __future__ import annotations

import pytest

from beamloom.engine.runs.run import RunPhase
from beamloom.events import Event
from beamloom.triggermap import open_ended
from services.bench import Bench, Feed, frame, start


class Ticked:
    """A worker class that wants ticks, and remembers the events that had one."""

    events: list[int]

    def get_tick_interval(self) -> float:
        return 0.05

    def process_event(self, event: Event, tick: bool = False) -> None:
        if tick:
            self.events.append(event.event_number)


@pytest.fixture
def ticked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    events: list[int] = []
    monkeypatch.setattr(Ticked, "events", events, raising=False)
    return events


def test_a_controller_sleeps_though_all_who_wanted_ticks_are_gone(ticked: list[int]) -> None:
    with Bench({"camera": Feed([start()])}, Ticked) as bench:
        bench.arm(open_ended(["camera"]))
        bench.until(lambda: bench.reduced() == 1)
        for name in ("worker-1", "worker-2"):
            bench.end(name)
        bench.steps(20)
        assert bench.active.run.phase is not RunPhase.COMPLETE
        assert bench.controller.wait(bench.now) > 0


def test_workers_that_come_in_the_middle_of_a_run_are_ticked(ticked: list[int]) -> None:
    feed = Feed([start()])
    with Bench({"camera": feed}, Ticked, workers=["worker-1"]) as bench:
        bench.arm(open_ended(["camera"]))
        bench.until(lambda: bench.reduced() == 1)
        bench.end("worker-1")
        bench.add_worker("worker-2")
        bench.until(lambda: bool(bench.active.run.workers))
        ticked.clear()
        for number in range(1, 60):
            feed.send([frame(number)])
            bench.step()
        bench.until(lambda: bench.reduced() == 60)
    assert len(ticked) >= 5

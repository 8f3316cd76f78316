"""Controller, reducer and workers die and stand still in any order, at any message, also several at once; nobody can tell from the result.

All in one process with a clock that the test turns, so that thousands of schedules can be tried: ``BEAMLOOM_DEEP=1`` tries 2,000.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beamloom.events import Result
from beamloom.triggermap import batched
from services.bench import Bench, Doubling, Feed, counts, series
from services.controller.test_controller_restarts import Restarting
from services.reducer_lives import Pipeline, Slow

DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))
SEEDS = 2000 if DEEP else 64
GROUPS = 8
"""Of seeds; `make test` looks at three of them, `make test-more` at the others."""
FRAMES = 60
STEPS = 6000
WORKERS = ("worker-1", "worker-2", "worker-3")


class Counting:
    """A reducer class that publishes each result, and how often it came."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"results": {}, "times": {}, "finished": 0}

    def process_result(self, result: Result) -> None:
        times = self.publish["times"]
        times[result.event_number] = times.get(result.event_number, 0) + 1
        self.publish["results"][result.event_number] = result.payload

    def finish(self) -> None:
        self.publish["finished"] += 1


class Handing(Counting):
    """The same, that can hand over its state."""

    def checkpoint(self) -> dict[str, Any]:
        return self.publish

    def restore(self, state: dict[str, Any]) -> None:
        self.publish = state


class Crowd:
    """A pipeline whose processes die and are started again, as a seed has it."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        worker: type = Doubling,
        reducer: type = Counting,
        look: Callable[[], None] = lambda: None,
        checkpoint_interval: float = 0.1,
    ) -> None:
        """``look`` is called after each step; classes that can hand over their state do so each ``checkpoint_interval`` seconds."""
        self._chance = random.Random(seed)
        self._look = look
        feeds: dict[str, Feed] = {"a": Slow(series(FRAMES)), "b": Slow(series(FRAMES))}
        self.controller = Restarting(
            folder / "controller", feeds, worker=worker, reducer=None, workers=WORKERS
        )
        self.bench: Bench = self.controller.bench
        self.reducer = Pipeline(
            self.bench, folder / "reducer", reducer, checkpoint_interval=checkpoint_interval
        )
        self.reducer.begin_life()
        self.bench.until(self.bench.everyone_known)
        self._back: dict[str, int] = {}
        self._wakes: dict[str, int] = {}
        self.story: list[str] = []

    def play(self) -> None:
        """A whole run; each death takes others with it now and then."""
        self.bench.arm(batched(["a", "b"], FRAMES, 4))
        left = self._chance.randrange(1, 9)
        calm = self._chance.choice((3, 10, 40))
        for step in range(STEPS):
            if self.bench.active.finished and not self._back and self.bench.published.get("finished"):
                return
            if left and not self._chance.randrange(calm):
                left -= 1
                for victim in self._victims():
                    self._strike(victim, step)
            self._let_back(step)
            self.bench.step()
            self._look()
        raise AssertionError(f"the run does not end: {counts(self.bench.active)}")

    def _victims(self) -> list[str]:
        everyone = ["controller", "reducer", *WORKERS]
        return self._chance.sample(everyone, self._chance.choice((1, 1, 1, 2, 3)))

    def _strike(self, victim: str, step: int) -> None:
        there = victim in self.bench.services and victim not in self._wakes
        if not there:
            return
        self.story.append(f"{step} {victim}")
        if victim == "controller":
            self.controller.kill()
        elif victim == "reducer":
            self.reducer.kill()
            self._back[victim] = step + self._chance.choice((0, 2, 30))
        elif self._chance.randrange(3):
            self.bench.kill(victim)
            self._back[victim] = step + self._chance.choice((0, 2, 30, 200))
        else:
            self.bench.still.add(victim)
            self._wakes[victim] = step + self._chance.choice((5, 150))

    def _let_back(self, step: int) -> None:
        for victim in [one for one, at in self._back.items() if at <= step]:
            del self._back[victim]
            if victim == "reducer":
                self.reducer.begin_life()
            else:
                self.bench.add_worker(victim)
        for victim in [one for one, at in self._wakes.items() if at <= step]:
            del self._wakes[victim]
            self.bench.still.discard(victim)


@pytest.mark.expects_errors
@pytest.mark.timeout(600 if DEEP else 60)
@pytest.mark.parametrize(
    "group",
    [group if group < 3 or DEEP else pytest.param(group, marks=pytest.mark.long) for group in range(GROUPS)],
)
def test_no_order_of_deaths_changes_the_result(group: int, tmp_path: Path) -> None:
    with Bench({"a": Feed(series(FRAMES)), "b": Feed(series(FRAMES))}, reducer=Counting) as bench:
        bench.play(batched(["a", "b"], FRAMES, 4))
        expected = dict(bench.published["results"])
    for seed in range(group, SEEDS, GROUPS):
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        crowd = Crowd(folder, seed, reducer=Handing if seed % 2 else Counting)
        try:
            crowd.play()
            check(crowd, expected)
        except BaseException as error:
            error.add_note(f"seed {seed}: {'; '.join(crowd.story)}")
            raise
        finally:
            crowd.controller.close()


def check(crowd: Crowd, expected: dict[int, Any]) -> None:
    ledger, published = crowd.bench.active.run.ledger, crowd.bench.published
    # Who kills the same event twice, by chance, has it put aside.
    poison = {event for first, stop in ledger.failed for event in range(first, stop)}
    errors = {group.failure.error for group in crowd.bench.active.run.faults.groups}
    assert errors <= {"WorkerDied"}
    assert len(ledger.lost) == 0
    assert {event: one for event, one in published["results"].items() if event not in poison} == {
        event: one for event, one in expected.items() if event not in poison
    }
    inner = range(1, FRAMES + 1)
    assert {event: times for event, times in published["times"].items() if times > 1 and event in inner} == {}
    assert published["finished"] == 1

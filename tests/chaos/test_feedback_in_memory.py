"""Whoever dies, and however often: what the analysis has said comes to those who listen once, and in the order in which it was said.

All in one process, as in ``test_deaths_in_memory``. The class keeps a list of what it has said, which is part of its result; what the
controller has, and what somebody has heard who follows it all the time, has to be that list.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beamloom.analysis import GiveFeedback
from beamloom.control.answers.feedback_feed import Place, behind
from beamloom.events import Event, Result
from chaos.test_deaths_in_memory import Crowd
from services.bench import Bench

DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))
SEEDS = 1000 if DEEP else 16
GROUPS = 2


class SayingWorker:
    """A worker that says something with each third event."""

    feedback: GiveFeedback

    def process_event(self, event: Event) -> int:
        if event.event_number % 3 == 0:
            self.feedback("worked", event.event_number)
        return event.event_number


class Saying:
    """A reducer that says something with each second result, once in its timer, and in the end."""

    feedback: GiveFeedback

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"said": [], "times": {}, "finished": 0, "results": {}}
        self.timed = False

    def process_result(self, result: Result) -> None:
        said = self.publish["said"]
        if result.event_number % 3 == 0:
            said.append(["worked", result.event_number])
        if result.event_number % 2 == 0:
            said.append(["seen", len(said)])
            self.feedback("seen", len(said) - 1)

    def timer(self) -> float:
        if not self.timed and len(self.publish["said"]) > 10:
            self.timed = True
            self.publish["said"].append(["timed", len(self.publish["said"])])
            self.feedback("timed", len(self.publish["said"]) - 1)
        return 0.01

    def finish(self) -> None:
        self.publish["finished"] += 1
        self.publish["said"].append(["finished", None])
        self.feedback("finished")


class Handing(Saying):
    """The same with checkpoints."""

    def checkpoint(self) -> dict[str, Any]:
        return {"publish": self.publish, "timed": self.timed}

    def restore(self, state: dict[str, Any]) -> None:
        self.publish, self.timed = state["publish"], state["timed"]


class Listener:
    """Follows the feedback, over all lives of the controller."""

    def __init__(self) -> None:
        self.place = Place(None, 0)
        self.heard: list[tuple[int, str, Any]] = []
        self.bench: Bench | None = None

    def look(self) -> None:
        if self.bench is None or self.bench.controller.active is None:
            return
        part = behind(self.bench.controller, self.place, alone=False)
        assert part.missed == 0
        self.place = part.place
        self.heard += [(one.number, one.kind, msgspec.json.decode(one.payload)) for _, one in part.found]


@pytest.mark.expects_errors
@pytest.mark.timeout(900 if DEEP else 90)
@pytest.mark.parametrize("reducer", [Saying, Handing])
@pytest.mark.parametrize("group", range(GROUPS))
def test_no_order_of_deaths_loses_feedback_or_tells_it_twice(
    group: int, reducer: type, tmp_path: Path
) -> None:
    for seed in range(group, SEEDS, GROUPS):
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        listener = Listener()
        crowd = Crowd(folder, seed, SayingWorker, reducer, listener.look)
        listener.bench = crowd.bench
        try:
            crowd.play()
            _check(crowd, listener)
        except BaseException as error:
            error.add_note(f"seed {seed}: {'; '.join(crowd.story)}")
            raise
        finally:
            crowd.controller.close()


def _check(crowd: Crowd, listener: Listener) -> None:
    bench = crowd.bench
    bench.until(lambda: bool(listener.heard) and listener.heard[-1][1] == "finished")
    listener.look()
    poison = bench.active.run.faults.quarantined
    log = bench.active.feedback.since(0)
    kept = [(one.number, one.kind, msgspec.json.decode(one.payload)) for one in log]
    assert listener.heard == kept
    assert [number for number, _, _ in kept] == list(range(1, len(kept) + 1))
    if not poison:
        assert [[kind, payload] for _, kind, payload in kept] == bench.published["said"]

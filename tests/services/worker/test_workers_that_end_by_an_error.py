"""An error outside of user code ends a worker at an event: the run ends all the same, and the event is accounted for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from beamloom.capsules import Shelf
from beamloom.events import Event
from beamloom.services.shell.evidence import Evidence
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, counts, series


class Unforeseen(BaseException):
    """What nothing between an event and the loop of its process catches."""


class Ending:
    """A worker class with which an event ends whoever has it."""

    def process_event(self, event: Event) -> int:
        if event.event_number == 3:
            raise Unforeseen("event 3")
        return event.event_number


def start(bench: Bench, name: str) -> None:
    """A worker that ends as the loop of its process has it end."""
    service: Any = bench.add_worker(name, Ending)
    turn: Callable[[float], None] = service.turn

    def turn_or_leave(now: float) -> None:
        try:
            turn(now)
        except Unforeseen as error:
            service.leave(f"failed with {error!r}", failed=True)
            del bench.services[name]
            bench.channels.pop(name).close()

    service.turn = turn_or_leave


def test_an_event_that_ends_each_worker_is_failed_and_the_run_ends() -> None:
    with Bench({"camera": Feed(series(10))}, workers=()) as bench:
        start(bench, "worker-1")
        bench.until(bench.everyone_known)
        active = bench.arm(uniform(["camera"], 10))
        lives = 1

        def over() -> bool:
            nonlocal lives
            if not active.finished and not any(name.startswith("worker") for name in bench.services):
                lives += 1
                assert lives < 10, "workers end for ever"
                start(bench, f"worker-{lives}")
            return active.finished

        bench.until(over)
        assert counts(active) == (11, 1, 0)
        assert lives <= 3


class Short(Shelf):
    """For a capsule there is no memory."""

    def put(self, *about: Any, **more: Any) -> str:
        raise MemoryError


class Failing:
    def process_event(self, event: Event) -> int:
        if event.event_number == 3:
            raise ValueError("event 3")
        return event.event_number


def test_an_event_for_whose_capsule_there_is_no_memory_fails_by_its_own_error(tmp_path: Path) -> None:
    with Bench({"camera": Feed(series(10))}, Failing) as bench:
        for name in ("worker-1", "worker-2"):
            worker: Any = bench.services[name]
            worker._evidence = Evidence(Short(tmp_path), name)
        active = bench.play(uniform(["camera"], 10))
        assert counts(active) == (11, 1, 0)
        assert [group.failure.error for group in active.run.faults.groups] == ["ValueError"]

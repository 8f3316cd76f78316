"""What the user's code raises, in whichever hook, is told with its place and ends in the right account; the pipeline goes on."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import numpy as np
import pytest

from beamloom.events import Event, Result
from beamloom.services.controller.arming import ArmingRefused
from beamloom.triggermap import uniform
from services.bench import Bench, Doubling, Feed, Gathering, counts, series


class Fragile:
    """A worker class that fails in the hooks in ``breaks``."""

    breaks: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        self._go("__init__")

    def get_tick_interval(self) -> float:
        self._go("get_tick_interval")
        return 1.0

    def process_event(self, event: Event) -> int:
        if event.event_number in (3, 4):
            self._go("process_event")
        return event.event_number

    def finish(self) -> None:
        self._go("finish")

    def close(self) -> None:
        self._go("close")

    def _go(self, hook: str) -> None:
        if hook in self.breaks:
            raise ZeroDivisionError(f"planted in {hook}")


class FragileReducer(Gathering):
    """A reducer class that fails in the hooks in ``breaks``."""

    breaks: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.timed = 0
        self._go("__init__")

    def process_result(self, result: Result) -> None:
        if result.event_number in (3, 4):
            self._go("process_result")
        super().process_result(result)

    def timer(self) -> float:
        self.timed += 1
        self._go("timer")
        return 0.1

    def finish(self) -> None:
        super().finish()
        self._go("finish")

    def close(self) -> None:
        self._go("close")

    def _go(self, hook: str) -> None:
        if hook in self.breaks:
            raise ZeroDivisionError(f"planted in {hook}")


def breaking(base: type, *hooks: str) -> type:
    return type(base.__name__, (base,), {"breaks": set(hooks)})


@pytest.mark.parametrize("hook", ["__init__", "get_tick_interval"])
def test_a_worker_class_that_cannot_begin_refuses_the_run_and_names_the_hook(hook: str) -> None:
    with Bench({"eiger": Feed()}, breaking(Fragile, hook)) as bench:
        refusal = bench.try_to_arm(uniform(["eiger"], 3))
        assert isinstance(refusal, ArmingRefused)
        assert str(refusal) == (
            f"the run was not armed: Fragile.{hook} failed: ZeroDivisionError: planted in {hook}"
        )


def test_a_reducer_class_that_cannot_begin_refuses_the_run() -> None:
    with Bench({"eiger": Feed()}, reducer=breaking(FragileReducer, "__init__")) as bench:
        refusal = bench.try_to_arm(uniform(["eiger"], 3))
        assert str(refusal) == (
            "the run was not armed: FragileReducer.__init__ failed: ZeroDivisionError: planted in __init__"
        )


def test_exactly_the_events_that_the_map_fails_on_have_failed() -> None:
    with Bench({"eiger": Feed(series(10))}, breaking(Fragile, "process_event")) as bench:
        active = bench.play(uniform(["eiger"], 10))
        assert counts(active) == (10, 2, 0)
        assert list(active.run.ledger.failed) == [(3, 5)]
        (group,) = active.run.faults.groups
        assert group.failure.where == "Fragile.process_event"
        assert group.failure.error == "ZeroDivisionError"
        assert list(group.events) == [(3, 5)]
        assert "raise ZeroDivisionError" in group.failure.traceback
        assert "beamloom/services" not in group.failure.traceback
        assert group.worker.partition("@")[0] in ("worker-1", "worker-2")


def test_exactly_the_events_that_the_reduce_fails_on_have_failed() -> None:
    with Bench({"eiger": Feed(series(10))}, reducer=breaking(FragileReducer, "process_result")) as bench:
        active = bench.play(uniform(["eiger"], 10))
        assert counts(active) == (10, 2, 0)
        assert list(active.run.ledger.failed) == [(3, 5)]
        (group,) = active.run.faults.groups
        assert group.failure.where == "FragileReducer.process_result"
        assert group.worker.partition("@")[0] in ("worker-1", "worker-2")


@pytest.mark.parametrize("hook", ["timer", "finish"])
def test_a_reducer_hook_that_belongs_to_no_event_fails_without_an_event(hook: str) -> None:
    with Bench({"eiger": Feed(series(10))}, reducer=breaking(FragileReducer, hook)) as bench:
        active = bench.play(uniform(["eiger"], 10))
        assert counts(active) == (12, 0, 0)
        (group,) = active.run.faults.groups
        assert group.failure.where == f"FragileReducer.{hook}"
        assert not group.events
        assert group.worker.partition("@")[0] == "reducer"


def test_a_worker_that_fails_in_finish_ends_the_run_all_the_same() -> None:
    with Bench({"eiger": Feed(series(10))}, breaking(Fragile, "finish")) as bench:
        active = bench.play(uniform(["eiger"], 10))
        assert counts(active) == (12, 0, 0)
        (group,) = active.run.faults.groups
        assert (group.failure.where, group.count) == ("Fragile.finish", 2)


def test_a_close_hook_that_fails_is_logged_and_the_process_still_says_goodbye(
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed = Feed(series(2))
    with Bench({"eiger": feed}, breaking(Fragile, "close"), breaking(FragileReducer, "close")) as bench:
        bench.play(uniform(["eiger"], 2))
        bench.end("worker-1")
        bench.end("reducer")
        bench.until(bench.everyone_known, 2)
    assert "Fragile.close failed: ZeroDivisionError('planted in close')" in caplog.text
    assert "FragileReducer.close failed: ZeroDivisionError('planted in close')" in caplog.text


def test_a_result_that_cannot_travel_fails_its_event_with_its_place_in_the_result() -> None:
    class Locked(Doubling):
        def process_event(self, event: Event) -> Any:  # type: ignore[override]
            return {"ok": 1, "lock": threading.Lock()} if event.event_number == 2 else 1

    with Bench({"eiger": Feed(series(5))}, Locked) as bench:
        active = bench.play(uniform(["eiger"], 5))
        assert counts(active) == (6, 1, 0)
        (group,) = active.run.faults.groups
        assert group.failure.error == "UnencodableResult"
        assert "lock" in group.failure.message


def test_a_result_is_what_it_was_when_the_map_returned_it() -> None:
    class Reusing:
        def __init__(self) -> None:
            self.buffer = np.zeros(40_000)

        def process_event(self, event: Event) -> Any:
            self.buffer[:] = event.event_number
            return self.buffer

    class Summing:
        def __init__(self) -> None:
            self.publish: dict[str, Any] = {"sums": {}}

        def process_result(self, result: Result) -> None:
            self.publish["sums"][result.event_number] = float(result.payload.sum())

    with Bench({"eiger": Feed(series(9))}, Reusing, Summing) as bench:
        bench.play(uniform(["eiger"], 9))
        assert bench.published["sums"] == {n: 40_000.0 * n for n in range(11)}


def test_none_is_counted_as_reduced_and_not_shown_to_the_reduce() -> None:
    class Sparse:
        def process_event(self, event: Event) -> int | None:
            return event.event_number if event.event_number % 2 else None

    with Bench({"eiger": Feed(series(9))}, Sparse) as bench:
        active = bench.play(uniform(["eiger"], 9))
        assert counts(active) == (11, 0, 0)
        assert sorted(bench.published["results"]) == [1, 3, 5, 7, 9]


def test_a_worker_whose_class_is_not_found_refuses_every_run_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class NoMap:
        pass

    with (
        caplog.at_level("CRITICAL", logger="beamloom.services.worker.service"),
        Bench({"eiger": Feed()}, NoMap) as bench,
    ):
        refusal = bench.try_to_arm(uniform(["eiger"], 3))
        assert "worker-1: " in str(refusal)
        assert "has no method 'process_event'" in str(refusal)


def test_the_timer_is_called_at_the_pace_that_it_asks_for() -> None:
    with Bench({"eiger": Feed()}, reducer=FragileReducer) as bench:
        bench.arm(uniform(["eiger"], 3))
        assert bench.analysis is not None
        reducer = bench.analysis._hooks.instance
        before = reducer.timed
        bench.steps(100)  # one second
        assert 9 <= reducer.timed - before <= 11


def test_each_tick_reaches_one_worker_and_they_take_turns() -> None:
    ticked: list[tuple[str, int]] = []

    class Ticking:
        def __init__(self, state: Any) -> None:
            self.name = state.name

        def get_tick_interval(self) -> float:
            return 0.1

        def process_event(self, event: Event, tick: bool = False) -> None:
            if tick:
                ticked.append((self.name, event.event_number))

    feed = Feed(series(0)[:1])
    with Bench({"eiger": feed}, Ticking) as bench:
        active = bench.arm(uniform(["eiger"], 400))
        for packet in series(400)[1:]:
            feed.send([packet])
            bench.step()
        bench.until(lambda: active.finished)
        # 4 seconds of data, one frame in each hundredth of a second
        assert 30 <= len(ticked) <= 42
        assert {name for name, _ in ticked} == {"worker-1", "worker-2"}
        assert len({event for _, event in ticked if 0 < event < 401}) == len(
            [event for _, event in ticked if 0 < event < 401]
        )

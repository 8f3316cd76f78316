"""A reducer that is split over leaves: outside nobody can tell, whatever dies."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from beamloom.control.views.errors import errors
from beamloom.events import Event, Result
from beamloom.parameters import ParameterSet
from beamloom.results.types import Sum
from beamloom.services.controller.arming import ArmingRefused
from beamloom.services.reducer.leaves.process import Leaves
from beamloom.settings import ReducerSettings
from beamloom.transport.messages import Fence, Reduced, Results
from beamloom.triggermap import uniform
from services.bench import Bench, Doubling, Feed, Gathering, counts, inject, series
from services.leaves_here import Crashed, LeafHere
from services.reducer_lives import EVENTS, FRAMES, Pipeline, Slow, pipeline

LEAVES = 3
STRIDE = 1 if os.environ.get("BEAMLOOM_DEEP") else 8


class Summing:
    """A reducer class whose parts can be joined, and that hands over its state."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"results": {}, "count": Sum(), "title": "doubles"}

    def process_result(self, result: Result, parameters: ParameterSet) -> None:
        event = result.event_number
        value = result.payload["double"] * int(parameters["gain"])
        self.publish["results"].setdefault(event, Sum()).add(event, value)
        self.publish["count"].add(event, 1)

    def checkpoint(self) -> dict[str, Any]:
        return self.publish

    def restore(self, state: dict[str, Any]) -> None:
        self.publish = state


class Forgetful(Summing):
    """The same, which has all of its results reduced again."""

    checkpoint = restore = None  # type: ignore[assignment]


def tree_of(bench: Bench) -> Any:
    """What readers see."""
    return bench.desk.take().publish


def shown(bench: Bench) -> dict[Any, Any]:
    """What readers see, in plain numbers, in the order of the events."""
    tree = tree_of(bench)
    results = {event: (one["sum"].tolist(), one["count"]) for event, one in tree["results"].items()}
    return {
        **dict(sorted(results.items())),
        "count": (tree["count"]["sum"].tolist(), tree["count"]["count"]),
        "title": tree["title"],
    }


def of_one_reducer() -> dict[Any, Any]:
    with Bench({"eiger": Feed(series(FRAMES))}, Doubling, Summing) as bench:
        bench.play(uniform(["eiger"], FRAMES))
        return shown(bench)


def service(bench: Bench) -> Any:
    return bench.services["reducer"]


def test_leaves_publish_what_one_reducer_does(tmp_path: Path) -> None:
    with pipeline(tmp_path, reducer=Summing, leaves=LEAVES) as one:
        active = one.bench.play(uniform(["eiger"], FRAMES))
        assert counts(active) == (EVENTS, 0, 0)
        assert shown(one.bench) == of_one_reducer()
        assert all(leaf.taken > 1 for leaf in one.leaves)


def test_two_runs_in_a_row_have_nothing_of_each_other(tmp_path: Path) -> None:
    feed = Feed(series(FRAMES))
    with pipeline(tmp_path, feed, reducer=Summing, leaves=LEAVES) as one:
        for _ in range(2):
            active = one.bench.play(uniform(["eiger"], FRAMES))
            assert counts(active) == (EVENTS, 0, 0)
            assert shown(one.bench) == of_one_reducer()
            feed.send(series(FRAMES))


@pytest.mark.parametrize("victim", [None, 0, LEAVES - 1])
@pytest.mark.parametrize("reducer", [Summing, Forgetful])
def test_a_leaf_or_all_may_die_before_and_after_each_message(
    tmp_path: Path, reducer: type, victim: int | None
) -> None:
    expected, died = of_one_reducer(), 0
    for moment in range(1, 60, STRIDE):
        with pipeline(
            tmp_path / f"{moment}", reducer=reducer, leaves=LEAVES, victim=victim, checkpoint_interval=0.02
        ) as one:
            reply: list[Any] = []
            one.bench.controller.arm(uniform(["eiger"], FRAMES), reply.append, one.bench.now)
            one.bench.until(partial(bool, reply))
            one.bench.services["reducer"].left = moment  # type: ignore[attr-defined]
            active = one.bench.active
            one.until(partial(getattr, active, "finished"))
            assert counts(active) == (EVENTS, 0, 0), moment
            assert shown(one.bench) == expected, moment
            died += one.deaths
    assert died > 2


def test_a_snapshot_holds_exactly_the_events_that_it_says(tmp_path: Path) -> None:
    with pipeline(tmp_path, reducer=Summing, leaves=LEAVES) as one:
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        seen = 0
        while not active.finished:
            one.bench.step()
            snapshot = one.bench.desk.take()
            assert snapshot.coverage is not None
            assert snapshot.publish is not None
            events = {event for first, stop in snapshot.coverage.reduced for event in range(first, stop)}
            held = set(snapshot.publish["results"])
            # Of the start and the end, which have two deliveries, the controller has the last word.
            assert events - {0, EVENTS - 1} == held - {0, EVENTS - 1}
            seen += 0 < len(events) < EVENTS
        assert seen > 3


def test_results_that_come_twice_are_taken_once_whichever_leaf_had_them(tmp_path: Path) -> None:
    with pipeline(tmp_path, reducer=Summing, leaves=LEAVES) as one:
        batches: list[Any] = []
        told: list[Reduced] = []

        def tap(name: str, received: Any) -> bool:
            if name == "reducer" and isinstance(received.message, Results):
                batches.append(received)
            if name == "controller" and isinstance(received.message, Reduced):
                told.append(received.message)
            return True

        one.bench.tap = tap
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: len(batches) > 3)
        for received in batches * 2:
            inject(one.bench, "reducer", received.sender, received.message, received.buffers)
        one.until(lambda: active.finished)
        assert shown(one.bench) == of_one_reducer()
        assert service(one.bench).figures()["duplicates"] > 0
        assert told


def test_what_is_under_way_counts_before_a_worker_is_said_to_be_fenced(tmp_path: Path) -> None:
    with pipeline(tmp_path, reducer=Summing, leaves=LEAVES) as one:
        order: list[Any] = []
        batches: list[Any] = []

        def tap(name: str, received: Any) -> bool:
            if name == "controller":
                order.append(received.message)
            if name == "reducer" and isinstance(received.message, Results):
                # Held back, and given to the reducer below, together with the fence.
                batches.append(received)
                return False
            return True

        one.bench.tap = tap
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: bool(batches))
        first = batches[0]
        inject(one.bench, "reducer", first.sender, first.message, first.buffers)
        inject(
            one.bench,
            "reducer",
            one.bench.channels["controller"].peer,
            Fence(active.run.run_id, first.sender),
        )
        one.bench.steps(2)
        names = [type(message).__name__ for message in order]
        assert names.index("Reduced") < names.index("Fenced")


class Fragile(Summing):
    """A reducer class that fails at two events."""

    def process_result(self, result: Result, parameters: ParameterSet) -> None:
        if result.event_number in (3, 4):
            raise ZeroDivisionError("planted")
        super().process_result(result, parameters)


def test_what_fails_in_a_leaf_is_told_of_its_event(tmp_path: Path) -> None:
    with pipeline(tmp_path, reducer=Fragile, leaves=LEAVES) as one:
        active = one.bench.play(uniform(["eiger"], FRAMES))
        assert counts(active) == (EVENTS - 2, 2, 0)
        (group,) = active.run.faults.groups
        assert "planted" in group.failure.message
        assert sorted(active.run.ledger.failed) == [(3, 5)]


class Hooked(Summing):
    """A reducer class with all hooks that belong to no event; each leaf says that it was called."""

    called: ClassVar[list[str]] = []

    def timer(self) -> float:
        self.called.append("timer")
        return 0.0

    def finish(self) -> None:
        self.called.append("finish")
        raise ValueError("planted in finish")

    def close(self) -> None:
        self.called.append("close")


def test_each_leaf_has_its_timer_and_its_finish_and_what_they_raise_is_told(tmp_path: Path) -> None:
    Hooked.called.clear()
    with pipeline(tmp_path, reducer=Hooked, leaves=LEAVES) as one:
        active = one.bench.play(uniform(["eiger"], FRAMES))
        assert Hooked.called.count("finish") == LEAVES
        assert Hooked.called.count("timer") >= LEAVES
        told = [group for group in active.run.faults.groups if "planted in finish" in group.failure.message]
        assert told


def test_parameters_reach_each_leaf_from_their_event_on(tmp_path: Path) -> None:
    feed = Feed(series(200)[:5])
    with pipeline(tmp_path, feed, reducer=Summing, leaves=LEAVES) as one:
        bench = one.bench
        active = bench.arm(uniform(["eiger"], 200))
        bench.until(lambda: bench.reduced() == 5)
        change_at = active.run.last_assigned
        bench.controller.set_parameters({"gain": b"7"})
        feed.send(series(200)[5:])
        bench.until(lambda: active.finished)
        found = {event: one[0] / one[1] for event, one in shown(bench).items() if isinstance(event, int)}
        # Frame n is event n; the start is 0 and the end 201.
        assert found == {event: 2 * event * (7 if event >= change_at else 1) for event in range(202)}


class Said(Summing):
    """A reducer class that says something with each result."""

    feedback: Any

    def process_result(self, result: Result, parameters: ParameterSet) -> None:
        self.feedback("seen", event=result.event_number)
        super().process_result(result, parameters)


def test_what_a_leaf_says_comes_to_the_controller_once(tmp_path: Path) -> None:
    with pipeline(tmp_path, Slow(series(FRAMES)), reducer=Said, leaves=LEAVES) as one:
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: one.bench.reduced() > 4)
        one.kill()
        one.until(lambda: active.finished)
        said = [feedback.event or 0 for feedback in active.feedback.since(0)]
        assert sorted(said) == [0, *range(EVENTS), EVENTS - 1]


class Merging:
    """A worker class whose results are merged before they are sent."""

    combine = True

    def process_event(self, event: Event) -> dict[str, Any]:
        return {"count": Sum().add(event.event_number, 1)}


class Merged:
    """A reducer class for these."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"count": Sum()}

    def process_result(self, result: Result) -> None:
        self.publish["count"].merge(result.payload["count"])


def test_results_that_workers_have_merged_are_taken_whole(tmp_path: Path) -> None:
    with pipeline(tmp_path, Feed(series(100)), worker=Merging, reducer=Merged, leaves=LEAVES) as one:
        active = one.bench.play(uniform(["eiger"], 100))
        assert counts(active) == (102, 0, 0)
        # The start and the end go to both workers.
        assert tree_of(one.bench)["count"]["count"] == 104


class Averaging:
    """A reducer class that joins its parts itself: a mean, which no merging of parts gives."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"sum": 0, "n": 0}

    def process_result(self, result: Result) -> None:
        self.publish["sum"] += result.payload["double"]
        self.publish["n"] += 1

    @staticmethod
    def combine(parts: list[dict[str, Any]]) -> dict[str, Any]:
        total, n = sum(part["sum"] for part in parts), sum(part["n"] for part in parts)
        return {"sum": total, "n": n, "mean": total / n if n else 0.0}


def test_a_class_may_join_its_parts_itself(tmp_path: Path) -> None:
    with pipeline(tmp_path, reducer=Averaging, leaves=LEAVES) as one:
        one.bench.play(uniform(["eiger"], FRAMES))
        total = sum(2 * event for event in (0, *range(EVENTS), EVENTS - 1))
        tree = tree_of(one.bench)
        assert tree == {"sum": total, "n": EVENTS + 2, "mean": total / (EVENTS + 2)}


class OfAnInstance(Summing):
    def combine(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        return parts[0]


class Counting:
    """Publishes nothing that could be joined."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"count": 0}

    def process_result(self, result: Result) -> None:
        self.publish["count"] += 1


@pytest.mark.parametrize(
    ("cls", "words"), [(Counting, "leaves to 1"), (OfAnInstance, "write '@staticmethod' above")]
)
def test_a_class_that_cannot_be_split_is_refused_with_what_to_do(
    tmp_path: Path, cls: type, words: str
) -> None:
    with pipeline(tmp_path, reducer=cls, leaves=LEAVES) as one, pytest.raises(ArmingRefused, match=words):
        one.bench.arm(uniform(["eiger"], FRAMES))


@pytest.mark.expects_errors
def test_what_turns_out_not_to_be_joinable_is_told_as_a_fault_of_the_run(tmp_path: Path) -> None:
    """Gathering has a group that may be filled, and a counter that nobody can join."""
    with pipeline(tmp_path, reducer=Gathering, leaves=LEAVES) as one:
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: one.bench.reduced() > 4)
        with pytest.raises(TypeError, match="leaves to 1"):
            one.bench.desk.take()
        one.bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS, 0, 0)
        (told,) = errors(active)
        assert "leaves to 1" in told["message"]
        assert "combine" in told["what_to_do"]


def test_a_result_that_kills_each_leaf_is_set_aside(tmp_path: Path) -> None:
    with pipeline(tmp_path, reducer=Forgetful, leaves=LEAVES) as one:
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        while not active.finished:
            if "reducer" not in one.bench.services:
                one.begin_life()
            for leaf in one.leaves:
                kill_at(leaf, 5)
            one.bench.step()
        assert counts(active) == (EVENTS - 1, 1, 0)
        assert sorted(active.run.ledger.failed) == [(5, 6)]


def kill_at(leaf: LeafHere, event: int) -> None:
    """Have a leaf die when the user's class gets the result of this event."""
    analysis = leaf.leaf._analysis
    process = analysis.process_result

    def deadly(result: Result, parameters: ParameterSet) -> None:
        if result.event_number == event:
            leaf.delivery = 0, event
            raise Crashed
        process(result, parameters)

    if getattr(process, "__name__", "") != "deadly":
        analysis.process_result = deadly


@pytest.mark.parametrize(("before", "after"), [(0, LEAVES), (2, LEAVES), (LEAVES, LEAVES)])
def test_a_run_goes_on_from_a_checkpoint_with_as_many_leaves_or_more(
    tmp_path: Path, before: int, after: int
) -> None:
    with at_a_checkpoint(tmp_path, before) as (one, feed):
        one.count = after
        one.kill()
        feed.send(series(FRAMES)[6:])
        active = one.bench.active
        one.until(lambda: active.finished)
        assert counts(active) == (EVENTS, 0, 0)
        assert shown(one.bench) == of_one_reducer()


@pytest.mark.parametrize("after", [0, 2])
def test_a_run_that_would_go_on_with_fewer_leaves_is_ended_with_what_to_do(
    tmp_path: Path, after: int
) -> None:
    with at_a_checkpoint(tmp_path, LEAVES) as (one, _):
        one.count = after
        one.kill()
        active = one.bench.active
        one.until(lambda: active.finished)
        assert f"set leaves to {LEAVES}" in (active.run.stop_cause or "")


@contextmanager
def at_a_checkpoint(folder: Path, leaves: int) -> Iterator[tuple[Pipeline, Feed]]:
    """A run in the middle of which a checkpoint was kept."""
    feed = Feed(series(FRAMES)[:6])
    with pipeline(folder, feed, reducer=Summing, leaves=leaves, checkpoint_interval=0.02) as one:
        one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: one.bench.reduced() == 6)
        one.bench.until(lambda: any(folder.rglob("before-*.state")))
        yield one, feed


def test_leaves_are_reached_also_where_temporary_files_are_far_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path / ("a-job-of-the-batch-system-" * 4)
    far.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(far))
    leaves = Leaves(ReducerSettings(reducer_class="services.reducer.test_split_reducers:Summing", leaves=2))
    try:
        assert [link.pid for link in leaves.links]
    finally:
        leaves.close()
    assert list(far.iterdir()) == []

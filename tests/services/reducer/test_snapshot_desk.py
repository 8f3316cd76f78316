"""Readers of what the reducer publishes get whole copies, at a tenth of the reducer's time at most, and never wait for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from beamloom.analysis import ReducerAnalysis
from beamloom.parameters import ParameterSet
from beamloom.results import Append, Sum
from beamloom.results.snapshot import Ended, Snapshot
from beamloom.services.reducer.snapshots import SHORTEST_INTERVAL, SnapshotDesk
from support.patience import PATIENCE


class Publishing:
    """A reducer class; the test fills what it publishes."""

    def __init__(self, context: dict[str, Any]) -> None:
        self.publish = context.setdefault("publish", {})
        if "lock" in context:
            self.publish_rlock = context["lock"]

    def process_result(self, result: object) -> None: ...


class Desk:
    """A desk with an analysis, and readers on threads of their own."""

    def __init__(self, **context: Any) -> None:
        self.woken = threading.Semaphore(0)
        self.desk = SnapshotDesk(self.woken.release)
        analysis = ReducerAnalysis(Publishing)
        analysis.start(ParameterSet(), context)
        self.desk.begin_run("run-1", analysis)
        self._readers = ThreadPoolExecutor(8)

    def ask(self) -> Any:
        """A reader comes; returns once it waits."""
        asked = self._readers.submit(lambda: asyncio.run(self.desk.snapshot()))
        assert self.woken.acquire(timeout=PATIENCE)
        return asked

    def ask_newer(self, version: int) -> Any:
        """A reader comes who wants a later version; returns once it waits."""
        before = self.desk.waiting
        asked = self._readers.submit(lambda: asyncio.run(self.desk.newer(version)))
        end = time.monotonic() + PATIENCE
        while self.desk.waiting == before:
            assert time.monotonic() < end
            time.sleep(0.001)
        return asked

    def read(self, now: float) -> Snapshot:
        asked = self.ask()
        self.desk.serve(now)
        snapshot: Snapshot = asked.result(PATIENCE)
        return snapshot

    def close(self) -> None:
        self.desk.close()
        self._readers.shutdown()


@contextmanager
def a_desk(**context: Any) -> Iterator[Desk]:
    desk = Desk(**context)
    try:
        yield desk
    finally:
        desk.close()


def test_later_changes_do_not_reach_a_snapshot() -> None:
    tree: dict[str, Any] = {
        "image": np.zeros(4),
        "rows": [[1]],
        "seen": {1},
        "pair": ([1], 2),
        "raw": bytearray(b"a"),
    }
    with a_desk(publish=tree) as desk:
        snapshot = desk.read(0.0)
        tree["image"] += 1
        tree["rows"][0].append(2)
        tree["seen"].add(2)
        tree["pair"][0].append(2)
        tree["raw"] += b"b"
        tree["new"] = 1
        assert snapshot.run == "run-1"
        assert snapshot.publish is not None
        shown = dict(snapshot.publish)
        assert shown.pop("image").tolist() == [0, 0, 0, 0]
        assert shown == {"rows": [[1]], "seen": {1}, "pair": ([1], 2), "raw": bytearray(b"a")}


def test_one_copy_serves_all_readers_that_wait() -> None:
    with a_desk(publish={"a": 1}) as desk:
        asked = [desk.ask() for _ in range(5)]
        desk.desk.serve(0.0)
        snapshots = [one.result(PATIENCE) for one in asked]
        assert all(one is snapshots[0] for one in snapshots)


def test_nothing_is_copied_and_nobody_woken_before_something_was_reduced() -> None:
    with a_desk(publish={"a": 1}) as desk:
        first = desk.read(0.0)
        assert asyncio.run(desk.desk.snapshot()) is first
        assert not desk.woken.acquire(blocking=False)


def test_the_version_counts_up_only_when_something_has_changed() -> None:
    tree: dict[str, Any] = {"image": np.zeros(3), "n": 1, "sum": Sum().add(0, 1.0)}
    with a_desk(publish=tree) as desk:
        first = desk.read(0.0)
        desk.desk.changed()
        assert desk.read(1e9) is first
        tree["n"] = 2
        desk.desk.changed()
        second = desk.read(2e9)
        assert second.version == first.version + 1
        assert second.changed_since(first.version) == ["$.n"]
        assert second.publish is not None
        assert first.publish is not None
        assert second.publish["image"] is first.publish["image"]
        assert second.publish["sum"] is first.publish["sum"]


def test_another_run_is_new_in_every_part() -> None:
    with a_desk(publish={"a": 1}) as desk:
        first = desk.read(0.0)
        analysis = ReducerAnalysis(Publishing)
        analysis.start(ParameterSet(), {"publish": {"a": 1}})
        desk.desk.begin_run("run-2", analysis)
        second = desk.read(1e9)
        assert (second.run, second.version) == ("run-2", first.version + 1)
        assert second.changed_since(first.version) == ["$"]


def test_no_snapshot_is_taken_for_a_watcher_before_the_shortest_interval_has_passed() -> None:
    tree = {"n": 0}
    with a_desk(publish=tree) as desk:
        first = desk.read(100.0)
        newer = desk.ask_newer(first.version)
        tree["n"] = 1
        desk.desk.changed()
        desk.desk.serve(100.0 + SHORTEST_INTERVAL / 2)
        assert not newer.done()
        # Longer where the copy itself took long.
        assert desk.desk.wait(100.0 + SHORTEST_INTERVAL / 2) >= SHORTEST_INTERVAL / 2 - 1e-9
        desk.desk.serve(100.0 + 60)
        assert newer.result(PATIENCE).publish == {"n": 1}


def test_a_watcher_is_not_answered_while_nothing_has_changed() -> None:
    tree = {"n": 0}
    with a_desk(publish=tree) as desk:
        first = desk.read(0.0)
        newer = desk.ask_newer(first.version)
        desk.desk.changed()
        desk.desk.serve(1e9)
        assert not newer.done()
        assert desk.desk.wait(1e9) == 1.0
        tree["n"] = 1
        desk.desk.changed()
        desk.desk.serve(2e9)
        assert newer.result(PATIENCE).version == first.version + 1


def test_a_watcher_waits_on_while_the_tree_cannot_be_read() -> None:
    tree: dict[str, Any] = {"n": 0}
    with a_desk(publish=tree) as desk:
        newer = desk.ask_newer(desk.read(0.0).version)
        tree["n"] = tree
        desk.desk.changed()
        desk.desk.serve(1e9)
        assert not newer.done()
        tree["n"] = 1
        desk.desk.serve(2e9)
        assert newer.result(PATIENCE).publish == {"n": 1}


def test_a_watcher_that_goes_away_is_forgotten() -> None:
    with a_desk(publish={}) as desk:
        first = desk.read(0.0)

        async def give_up() -> None:
            async with asyncio.timeout(0.01):
                await desk.desk.newer(first.version)

        with pytest.raises(TimeoutError):
            asyncio.run(give_up())
        assert desk.desk.waiting == 0


def test_a_snapshot_of_a_million_rows_costs_no_copy() -> None:
    rows = Append()
    for event in range(5000):
        rows.add(event, np.full(64, event))
    with a_desk(publish={"rows": rows}) as desk:
        first = desk.read(0.0)
        rows.add(5000, np.full(64, 0))
        desk.desk.changed()
        second = desk.read(1e9)
        assert second.changed_since(first.version) == ["$.rows.data", "$.rows.coverage"]


def test_copies_take_a_tenth_of_the_time_at_most() -> None:
    class Slow(dict[str, int]):
        def values(self) -> Any:
            spent = time.perf_counter() + 0.02
            while time.perf_counter() < spent:
                pass
            return super().values()

    with a_desk(publish=Slow(a=1)) as desk:
        desk.read(100.0)
        desk.desk.changed()
        asked = desk.ask()
        desk.desk.serve(100.0 + 9 * 0.0199)
        assert desk.desk.wait(1e9) == 0.0  # somebody waits still
        desk.desk.serve(100.0 + 60)
        assert asked.result(PATIENCE).publish == {"a": 1}


def test_the_lock_of_the_class_is_honoured() -> None:
    lock = threading.RLock()
    with a_desk(publish={"a": 1}, lock=lock) as desk:
        asked = desk.ask()
        copying = threading.Thread(target=lambda: desk.desk.serve(0.0))
        with lock:
            copying.start()
            copying.join(0.05)
            assert copying.is_alive()
            assert not asked.done()
        copying.join(10)
        assert asked.result(PATIENCE).publish == {"a": 1}


def test_what_a_class_publishes_wrongly_is_told_to_its_readers() -> None:
    with a_desk(publish=[1]) as desk:
        asked = desk.ask()
        desk.desk.serve(0.0)
        with pytest.raises(Exception, match="it should be a dictionary of what is published"):
            asked.result(PATIENCE)


def test_readers_that_wait_when_the_reducer_ends_are_let_go() -> None:
    with a_desk(publish={}) as desk:
        desk.desk.changed()
        waiting = [desk.ask(), desk.ask_newer(desk.desk._latest.version)]
        desk.desk.close()
        for one in waiting:
            with pytest.raises(Ended, match="the reducer ends"):
                one.result(PATIENCE)
        desk.desk.changed()
        with pytest.raises(Ended):
            asyncio.run(desk.desk.snapshot())


def test_without_a_run_an_empty_tree_is_published() -> None:
    snapshot = asyncio.run(SnapshotDesk(lambda: None).snapshot())
    assert (snapshot.run, snapshot.publish) == (None, {})

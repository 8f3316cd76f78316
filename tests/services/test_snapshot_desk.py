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
from beamloom.results.snapshot import Snapshot
from beamloom.services.snapshots import SnapshotDesk, copied_containers


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
        assert self.woken.acquire(timeout=10)
        return asked

    def read(self, now: float) -> Snapshot:
        asked = self.ask()
        self.desk.serve(now)
        snapshot: Snapshot = asked.result(10)
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
        snapshots = [one.result(10) for one in asked]
        assert all(one is snapshots[0] for one in snapshots)


def test_nothing_is_copied_again_before_something_has_changed() -> None:
    with a_desk(publish={"a": 1}) as desk:
        first = desk.read(0.0)
        assert desk.read(0.0) is first
        desk.desk.changed()
        second = desk.read(1e9)
        assert second is not first
        assert second.version > first.version


def test_copies_take_a_tenth_of_the_time_at_most() -> None:
    class Slow(dict[str, int]):
        def items(self) -> Any:
            spent = time.perf_counter() + 0.02
            while time.perf_counter() < spent:
                pass
            return super().items()

    with a_desk(publish=Slow(a=1)) as desk:
        desk.read(100.0)
        desk.desk.changed()
        asked = desk.ask()
        desk.desk.serve(100.0 + 9 * 0.0199)
        assert desk.desk.wait(1e9) == 0.0  # somebody waits still
        desk.desk.serve(100.0 + 60)
        assert asked.result(10).publish == {"a": 1}


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
        assert asked.result(10).publish == {"a": 1}


def test_what_a_class_publishes_wrongly_is_told_to_its_readers() -> None:
    with a_desk(publish=[1]) as desk:
        asked = desk.ask()
        desk.desk.serve(0.0)
        with pytest.raises(Exception, match="it should be a dictionary of what is published"):
            asked.result(10)


def test_readers_that_wait_when_the_reducer_ends_are_let_go() -> None:
    with a_desk(publish={}) as desk:
        asked = desk.ask()
        desk.desk.close()
        with pytest.raises(asyncio.CancelledError):
            asked.result(10)


def test_without_a_run_an_empty_tree_is_published() -> None:
    desk = SnapshotDesk(lambda: None)

    async def read() -> Snapshot:
        asked = asyncio.ensure_future(desk.snapshot())
        await asyncio.sleep(0)
        desk.serve(0.0)
        return await asked

    assert asyncio.run(read()) == Snapshot(version=0, run=None, publish={})


def test_a_named_tuple_is_shared_as_it_is_and_plain_tuples_are_copied() -> None:
    inner = [1]
    copied = copied_containers({"t": (inner,)})
    assert copied == {"t": ([1],)}
    assert copied["t"][0] is not inner

"""Where an open-ended run ends whose ingesters have died: behind all that they had sent, whether or not they came to tell of it.

An ingester reports now and then, and packets go to the workers at once.
"""

from __future__ import annotations

import pytest

from beamloom.engine.ranges import Range
from beamloom.triggermap import TriggerMap, open_ended
from engine.mill import Mill, numbered

GENERIC = frozenset({"generic"})
DEBUG = frozenset({"generic", "debug"})
SOLO = {"w1": GENERIC}
LAST = 20


def read_untold(mill: Mill, stream: str, first: int, stop: int) -> None:
    """An ingester sends these on, and its next report is not due."""
    mill.read(stream, [numbered(stream, item, LAST) for item in range(first, stop)])
    del mill.channels[stream, "controller"]


def hear(mill: Mill, *waiting: tuple[str, str]) -> None:
    """What is under way arrives, but for these channels."""
    while busy := [key for key in mill.busy() if key not in waiting]:
        mill.deliver(*busy[0])


def end(mill: Mill) -> tuple[list[int], list[Range], int | None]:
    """Let all come to its end; returns what was reduced, what was lost, and how many events the run had."""
    mill.settle()
    mill.now += 1.1
    mill.settle()
    assert mill.complete
    assert not mill.account.coverage.pending
    assert [worker.assembler.awaited for worker in mill.workers.values()] == [None] * len(mill.workers)
    taken = sorted({event for event, _, _ in mill.reduced})
    return taken, list(mill.run.ledger.lost), mill.run.ledger.total


@pytest.mark.parametrize("worked", [False, True])
def test_what_was_sent_and_not_told_belongs_to_the_run(worked: bool) -> None:
    mill = Mill(open_ended(["a"]), SOLO)
    mill.quiet()
    read_untold(mill, "a", 0, 4)
    if worked:
        mill.settle()
    mill.ingester_dies("a", "gone")
    mill.step()
    assert end(mill) == ([0, 1, 2, 3], [(4, 5)], 5)


def test_a_result_that_is_under_way_belongs_to_the_run() -> None:
    mill = Mill(open_ended(["a"]), SOLO)
    mill.quiet()
    read_untold(mill, "a", 0, 4)
    hear(mill)
    mill.work("w1")
    hear(mill, ("reducer", "controller"))
    mill.ingester_dies("a", "gone")
    mill.now += 1.1
    mill.step()
    hear(mill, ("reducer", "controller"))
    mill.step()
    assert end(mill) == ([0, 1, 2, 3], [(4, 5)], 5)


def test_a_run_that_is_stopped_ends_behind_what_was_sent_and_not_told() -> None:
    mill = Mill(open_ended(["a"]), SOLO)
    mill.quiet()
    read_untold(mill, "a", 0, 4)
    mill.ingester_dies("a", "gone")
    mill.run.stop("asked to")
    mill.step()
    assert end(mill) == ([0, 1, 2, 3], [], 4)


def test_what_a_worker_has_of_one_stream_is_lost_where_the_other_one_has_ended() -> None:
    mill = Mill(open_ended(["a", "b"]), SOLO)
    mill.quiet()
    read_untold(mill, "a", 0, 4)
    mill.ingester_dies("a", "gone")
    mill.read("b", [numbered("b", item, 2) for item in range(3)])
    assert end(mill) == ([0, 1], [(2, 5)], 5)
    assert mill.run.losses_by_cause()[0][0] == "stream 'b' ended early: other streams went on"


@pytest.mark.parametrize(("leaves", "made"), [(False, 2), (True, 3)])
def test_what_a_worker_that_goes_has_made_belongs_to_the_run(leaves: bool, made: int) -> None:
    mill = Mill(open_ended(["a"]), SOLO)
    mill.quiet()
    read_untold(mill, "a", 0, 4)
    hear(mill)
    mill.work("w1", 3)
    if leaves:
        mill.drain("w1")
    else:
        mill.kill("w1", killed=False)
    mill.join("w2", GENERIC)
    mill.step()
    mill.ingester_dies("a", "gone")
    mill.now += 1.1
    mill.step()
    mill.deliver("w1", "reducer")
    mill.deliver("w1", "reducer")
    mill.now += 1.1
    mill.step()
    assert mill.run.ledger.total is None
    # The start event is lost, too: the worker that came later could not be shown it.
    assert end(mill) == (list(range(made)), [(0, 1), (made, made + 1)], made + 1)


def repeating(**cells: list[object]) -> TriggerMap:
    """An open-ended map with these cells."""
    return TriggerMap.from_json({"parts": {"main": cells}, "sequence": [{"part": "main", "repeat": None}]})


@pytest.mark.parametrize("fails", [False, True])
def test_an_event_of_which_one_of_two_deliveries_was_made_belongs_to_the_run(fails: bool) -> None:
    cells: list[object] = [[{"constraint": 0}, {"tags": ["debug"]}]]
    mill = Mill(repeating(a=cells), {"w1": GENERIC, "w2": DEBUG})
    mill.failing = {1, 2} if fails else set()
    mill.quiet()
    read_untold(mill, "a", 0, 3)
    hear(mill)
    mill.work("w2")
    hear(mill)
    mill.kill("w1", killed=False)
    mill.ingester_dies("a", "gone")
    taken, lost, total = end(mill)
    assert taken == ([0] if fails else [0, 1, 2])
    assert (lost, total) == ([(1, 4)], 4)


def test_an_event_of_which_each_stream_goes_to_another_worker_is_none_of_the_run_where_nobody_has_any() -> (
    None
):
    streams: dict[str, list[object]] = {"a": [[{"constraint": 0}]], "b": [[{"constraint": 1}]]}
    mill = Mill(repeating(**streams), {"w1": GENERIC, "w2": GENERIC})
    mill.quiet()
    mill.read("a", [numbered("a", 0, LAST)])
    mill.read("b", [numbered("b", 0, LAST)])
    mill.settle()
    mill.ingester_dies("a", "gone")
    mill.ingester_dies("b", "gone")
    assert end(mill) == ([0], [(1, 2)], 2)


def test_an_event_that_costs_worker_after_worker_belongs_to_the_run_though_nothing_had_come() -> None:
    mill = Mill(open_ended(["a"], all_wrap=False), SOLO)
    mill.quiet()
    for life in range(1, 4):
        mill.kill(f"w{life}")
        mill.join(f"w{life + 1}", GENERIC)
        mill.quiet()
    assert list(mill.run.ledger.failed) == [(0, 1)]
    mill.ingester_dies("a", "gone")
    assert end(mill) == ([], [], 1)

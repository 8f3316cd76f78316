"""Workers die: their events go to others, in order, and an event that kills is found out."""

from __future__ import annotations

import pytest

from beamloom.engine.accounts.ledger import EventState
from beamloom.triggermap import TriggerMap, batched, overlapping, uniform
from engine.mill import Mill, numbered

GENERIC = frozenset({"generic"})


def full(trigger_map: TriggerMap, workers: list[str], poison: set[int] | None = None) -> Mill:
    """A mill whose one stream has sent all it has; ``poison`` kills whoever works on it."""
    mill = Mill(trigger_map, dict.fromkeys(workers, GENERIC))
    mill.poison = poison or set()
    last = (trigger_map.total_events or 0) - 1
    mill.read("a", [numbered("a", item, last) for item in range(last + 1)])
    return mill


def replaced(mill: Mill, deaths: int) -> None:
    """Work until all is done; each worker that dies is replaced by a new one."""
    for turn in range(10 * deaths):
        mill.settle()
        if mill.complete:
            return
        mill.join(f"new{turn}", GENERIC)
    raise AssertionError(f"not complete: {mill.run.ledger.counts()}")


def test_the_events_of_a_dead_worker_are_leased_again_under_a_higher_attempt() -> None:
    mill = Mill(uniform(["a"], 20), {"w1": GENERIC, "w2": GENERIC})
    mill.settle()
    mill.kill("w1", killed=False)
    mill.read("a", [numbered("a", item, 21) for item in range(22)])
    mill.settle()
    assert mill.complete
    assert mill.run.ledger.counts().reduced == 22
    assert mill.run.redelivered > 0
    assert max(mill.attempts.values()) == 2


def test_an_event_that_kills_two_workers_has_failed_with_the_evidence_and_nothing_else_has() -> None:
    mill = full(uniform(["a"], 200), ["w1", "w2", "w3"], poison={77})
    replaced(mill, 2)
    ledger = mill.run.ledger
    assert list(ledger.failed) == [(77, 78)]
    assert ledger.counts().reduced == 201
    (group,) = mill.run.faults.groups
    assert (group.failure.where, group.failure.error) == ("process", "WorkerDied")
    assert "event 77" in group.failure.message
    assert mill.deaths[77] == 2


def test_neighbouring_events_that_kill_are_told_apart() -> None:
    mill = full(uniform(["a"], 100), ["w1", "w2"], poison={10, 11, 50})
    replaced(mill, 8)
    assert list(mill.run.ledger.failed) == [(10, 12), (50, 51)]
    assert mill.run.ledger.counts().reduced == 99


@pytest.mark.parametrize("event", [3, 4, 5])
def test_an_event_with_several_deliveries_that_kills_its_workers_fails_alone(event: int) -> None:
    mill = full(overlapping(["a"], 8), ["w1", "w2", "w3"], poison={event})
    replaced(mill, 6)
    assert list(mill.run.ledger.failed) == [(event, event + 1)]
    assert mill.run.ledger.counts().reduced == 9


def test_a_suspect_whose_other_delivery_is_done_is_still_a_suspect() -> None:
    mill = full(overlapping(["a"], 6), ["w1", "w2"])
    mill.quiet()
    mill.kill("w1")
    mill.join("w3", GENERIC)
    # Let w3 have one suspect, let w2 be done with all, then let w3 die.
    while mill.run.outstanding("w3") == 0:
        mill.quiet()
        mill.work("w2", 1)
    mill.work("w2")
    mill.quiet()
    mill.kill("w3")
    replaced(mill, 2)
    counts = mill.run.ledger.counts()
    assert counts.reduced + counts.failed == 8
    assert counts.failed <= 1


def test_a_worker_that_was_fenced_without_dying_makes_no_suspects() -> None:
    mill = full(uniform(["a"], 50), ["w1", "w2"])
    mill.quiet()
    for name in ("w1", "w2"):
        mill.kill(name, killed=False)
        mill.join(f"{name}b", GENERIC)
        mill.quiet()
    for name in ("w1b", "w2b"):
        assert mill.run.outstanding(name) > 1
    mill.settle()
    assert mill.run.ledger.counts().reduced == 52


def test_while_a_worker_holds_a_suspect_it_holds_nothing_else() -> None:
    mill = full(batched(["a"], 60, 6), ["w1", "w2"], poison={9})
    together: list[int] = []
    for turn in range(400):
        mill.quiet()
        for worker in mill.run._scheduler.workforce:
            if worker.careful is not None:
                together.append(worker.outstanding)
        for name in list(mill.workers):
            mill.work(name, 1)
        if len(mill.workers) < 2:
            mill.join(f"new{turn}", GENERIC)
    assert mill.complete
    assert set(together) == {1}
    assert list(mill.run.ledger.failed) == [(9, 10)]


def test_the_suspects_of_many_workers_that_die_together_are_worked_off_side_by_side() -> None:
    crew, batch = 8, 10
    names = [f"w{number}" for number in range(2 * crew)]
    mill = full(batched(["a"], 2 * crew * batch, batch, all_wrap=False), names)
    mill.quiet()
    for name in names[:crew]:
        mill.kill(name)
    side_by_side: list[int] = []
    while not mill.complete:
        mill.quiet()
        for name in list(mill.workers):
            mill.work(name, batch)
        mill.quiet()
        careful = [worker for worker in mill.run._scheduler.workforce if worker.careful is not None]
        side_by_side.append(len(careful))
    # One constraint is bound to each of those who are left; the first one of them holds up no other.
    assert max(side_by_side) == crew
    assert len(side_by_side) < 3 * batch
    assert mill.run.ledger.counts().reduced == 2 * crew * batch


def test_a_constraint_moves_as_a_whole_and_stays_in_order() -> None:
    mill = full(batched(["a"], 100, 20), ["w1", "w2"])
    mill.quiet()
    mill.work("w1", 5)
    mill.kill("w1", killed=False)
    mill.join("w3", GENERIC)
    mill.settle()
    assert mill.complete
    for worker in mill.workers.values():
        for batch in range(5):
            seen = [event for event in worker.seen if 20 * batch < event <= 20 * batch + 20]
            assert seen == sorted(seen)
            assert len(seen) in (0, 20)


@pytest.mark.parametrize("killed", [False, True])
def test_a_death_while_retention_is_full_does_not_stop_the_run(killed: bool) -> None:
    """The survivor holds leases whose packets cannot be read before those of the dead one are released."""
    mill = Mill(uniform(["a"], 40), {"w1": GENERIC, "w2": GENERIC}, budget=20)
    sent = 0
    for turn in range(4000):
        if mill.complete:
            break
        while sent <= 41 and mill.routers["a"].has_room:
            mill.read("a", [numbered("a", sent, 41)])
            sent += 1
        mill.quiet()
        mill.work("w2")
        if turn == 20:
            mill.kill("w1", killed=killed)
    assert mill.complete
    assert mill.run.ledger.counts().reduced == 42


def test_the_first_event_of_a_map_may_have_several_deliveries() -> None:
    cells = {"a": [[{"constraint": 0}], [{"constraint": 1}]], "b": [[{"constraint": 1}], [{"constraint": 0}]]}
    trigger_map = TriggerMap.from_mapping(cells, all_wrap=False)
    mill = Mill(trigger_map, {"w1": GENERIC, "w2": GENERIC})
    for stream in "ab":
        mill.read(stream, [numbered(stream, item, 9) for item in range(2)])
    mill.quiet()
    mill.work("w1")
    mill.quiet()
    assert mill.run.ledger.state(0) is EventState.ASSIGNED
    mill.kill("w2", killed=False)
    mill.settle()
    assert mill.complete
    assert sorted((event, sorted(result)) for event, _, result in mill.reduced) == [
        (0, ["a"]),
        (0, ["b"]),
        (1, ["a"]),
        (1, ["b"]),
    ]


def test_a_worker_that_comes_late_gets_the_start_event_once() -> None:
    mill = Mill(uniform(["a"], 100), {"w1": GENERIC})
    mill.read("a", [numbered("a", item, 101) for item in range(5)])
    mill.settle()
    mill.join("w2", GENERIC)
    mill.settle()
    assert mill.workers["w2"].seen == [0]
    mill.read("a", [numbered("a", item, 101) for item in range(5, 102)])
    mill.settle()
    assert mill.complete
    assert [worker.seen.count(0) for worker in mill.workers.values()] == [1, 1]
    assert [worker.seen.count(101) for worker in mill.workers.values()] == [1, 1]


def test_the_run_waits_until_a_late_worker_has_had_the_start_event() -> None:
    mill = Mill(uniform(["a"], 3), {"w1": GENERIC})
    mill.read("a", [numbered("a", item, 4) for item in range(5)])
    while 3 not in mill.workers["w1"].seen:
        mill.quiet()
        mill.work("w1")
    mill.quiet()
    mill.join("w2", GENERIC)
    mill.work("w1")
    mill.quiet()
    assert mill.run.ledger.complete
    assert not mill.complete
    mill.work("w2")
    mill.quiet()
    assert mill.complete
    assert (mill.workers["w1"].seen, mill.workers["w2"].seen) == ([0, 1, 2, 3, 4], [0])


def test_a_worker_that_comes_when_all_is_over_is_leased_nothing() -> None:
    mill = Mill(uniform(["a"], 3), {"w1": GENERIC})
    mill.read("a", [numbered("a", item, 4) for item in range(5)])
    mill.settle()
    assert mill.complete
    mill.run.add_worker("w2", GENERIC, mill.now)
    assert mill.run.advance(mill.now).spans == []
    assert "w2" not in mill.run.workers


def test_a_run_that_has_all_does_not_wait_for_an_ingester_to_show_its_start_to_who_comes_late() -> None:
    mill = Mill(uniform(["a"], 3), {"w1": GENERIC}, ingester_timeout=1000.0)
    mill.read("a", [numbered("a", item, 4) for item in range(5)])
    while 3 not in mill.workers["w1"].seen:
        mill.quiet()
        mill.work("w1")
    mill.quiet()
    mill.ingester_dies("a", "gone")
    mill.join("w2", GENERIC)
    mill.work("w1")
    mill.quiet()
    assert mill.complete
    assert not mill.run.keeps_start
    assert mill.workers["w2"].seen == []


def test_the_start_event_is_done_when_every_worker_that_had_it_is_gone_but_one() -> None:
    mill = Mill(uniform(["a"], 3), {"w1": GENERIC, "w2": GENERIC})
    mill.read("a", [numbered("a", 0, 4)])
    mill.quiet()
    mill.work("w1")
    mill.kill("w2")
    mill.settle()
    assert mill.run.ledger.state(0) is EventState.REDUCED


def test_a_start_event_that_kills_whoever_joins_has_failed_after_two_of_them() -> None:
    mill = full(uniform(["a"], 20), ["w1"], poison={0})
    replaced(mill, 3)
    assert list(mill.run.ledger.failed) == [(0, 1)]
    assert mill.run.ledger.counts().reduced == 21
    assert mill.deaths[0] == 2


def test_a_worker_that_replaces_the_only_one_gets_the_start_event_once() -> None:
    mill = Mill(uniform(["a"], 20), {"w1": GENERIC})
    mill.quiet()
    mill.kill("w1", killed=False)
    mill.quiet()
    mill.join("w2", GENERIC)
    mill.read("a", [numbered("a", item, 21) for item in range(22)])
    mill.settle()
    assert mill.complete
    assert mill.workers["w2"].seen == list(range(22))


def test_an_event_that_kills_is_found_out_by_a_single_worker_however_long_its_restart_takes() -> None:
    mill = full(uniform(["a"], 20), ["w1"], poison={5})
    for turn in range(6):
        mill.settle()
        mill.now += 30
        if not mill.workers:
            mill.join(f"w1 again {turn}", GENERIC)
    assert mill.complete
    assert list(mill.run.ledger.failed) == [(5, 6)]
    assert mill.deaths[5] == 2


def test_a_suspect_that_takes_its_time_stays_alone() -> None:
    mill = full(uniform(["a"], 20), ["w1"], poison={5})
    mill.settle()
    mill.join("w2", GENERIC)
    while not mill.run.ledger.failed:
        mill.quiet()
        mill.now += 100
        mill.quiet()
        if "w2" in mill.workers:
            mill.work("w2", 1)
    assert list(mill.run.ledger.failed) == [(5, 6)]
    assert mill.deaths[5] == 2


def test_suspects_give_way_when_their_packets_cannot_be_read_before_those_of_lower_events() -> None:
    mill = Mill(uniform(["a", "b"], 12), {"w1": GENERIC, "w2": GENERIC}, budget=10)
    mill.poison = {1}
    mill.read("a", [numbered("a", item, 13) for item in range(4)])
    mill.read("b", [numbered("b", item, 13) for item in range(4)])
    mill.kill("w2")
    sent = {"a": 4, "b": 4}
    for turn in range(60):
        if not mill.workers:
            mill.join(f"w{turn + 3}", GENERIC)
        for stream, item in sent.items():
            if item <= 13 and mill.routers[stream].has_room:
                mill.read(stream, [numbered(stream, item, 13)])
                sent[stream] += 1
        mill.settle()
        mill.now += 6
    assert mill.complete
    assert list(mill.run.ledger.failed) == [(1, 2)]


def test_a_start_event_that_kills_only_those_who_come_late_is_kept_from_them_after_two() -> None:
    mill = Mill(uniform(["a"], 20), {"w1": GENERIC})
    mill.read("a", [numbered("a", item, 21) for item in range(22)])
    mill.quiet()
    mill.work("w1", 1)
    mill.quiet()
    mill.poison = {0}
    mill.kill("w1", killed=False)
    replaced(mill, 3)
    assert mill.deaths[0] <= 3
    assert mill.run.ledger.counts().reduced == 22
    assert "event 0" in mill.run.faults.groups[0].failure.message

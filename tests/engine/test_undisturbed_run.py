"""Runs in which nothing goes wrong."""

from __future__ import annotations

from beamloom.triggermap import TriggerMap, batched, open_ended, overlapping, sparse, uniform
from engine.mill import Mill, numbered

GENERIC = frozenset({"generic"})


def play(mill: Mill, streams: dict[str, int]) -> None:
    for stream, last in streams.items():
        mill.read(stream, [numbered(stream, item, last) for item in range(last + 1)])
    mill.settle()


def test_every_event_of_a_uniform_map_is_reduced_once_with_the_packets_of_all_streams() -> None:
    mill = Mill(uniform(["a", "b"], 50), {"w1": GENERIC, "w2": GENERIC})
    play(mill, {"a": 51, "b": 51})
    assert mill.complete
    data = [(event, result) for event, slot, result in mill.reduced if 0 < event < 51]
    assert sorted(event for event, _ in data) == list(range(1, 51))
    assert all(result == {"a": b"a:%d" % event, "b": b"b:%d" % event} for event, result in data)
    assert mill.run.ledger.counts().reduced == 52


def test_both_workers_see_the_start_and_the_end_event() -> None:
    mill = Mill(uniform(["a"], 10), {"w1": GENERIC, "w2": GENERIC})
    play(mill, {"a": 11})
    assert [worker.seen.count(0) for worker in mill.workers.values()] == [1, 1]
    assert [worker.seen.count(11) for worker in mill.workers.values()] == [1, 1]


def test_events_of_one_constraint_stay_with_one_worker_in_order() -> None:
    mill = Mill(batched(["a"], 400, 10), {"w1": GENERIC, "w2": GENERIC, "w3": GENERIC})
    play(mill, {"a": 401})
    for worker in mill.workers.values():
        assert worker.seen == sorted(worker.seen)
    for batch in range(40):
        events = set(range(1 + 10 * batch, 11 + 10 * batch))
        assert sum(bool(events & set(worker.seen)) for worker in mill.workers.values()) == 1


def test_a_frame_shared_by_two_events_reaches_both_workers() -> None:
    mill = Mill(overlapping(["a"], 20), {"w1": GENERIC, "w2": GENERIC})
    play(mill, {"a": 21})
    assert mill.complete
    assert mill.run.ledger.counts().reduced == 22


def test_a_slow_stream_has_no_packet_in_most_events() -> None:
    trigger_map = sparse(["fast", "slow"], 20, every={"slow": 4})
    mill = Mill(trigger_map, {"w1": GENERIC, "w2": GENERIC})
    play(mill, {"fast": 21, "slow": 6})
    assert mill.complete
    with_slow = sorted(event for event, _, result in mill.reduced if "slow" in result and 0 < event < 21)
    assert len(with_slow) == 5


def test_an_open_ended_run_ends_with_the_device() -> None:
    mill = Mill(open_ended(["a", "b"]), {"w1": GENERIC, "w2": GENERIC})
    play(mill, {"a": 31, "b": 31})
    assert mill.complete
    assert mill.run.ledger.total == 32
    assert mill.run.ledger.counts().reduced == 32


def test_a_run_of_a_map_without_any_virtual_worker_is_over_at_once() -> None:
    mill = Mill(TriggerMap.from_mapping({"a": [[], None, []]}, all_wrap=False), {"w1": GENERIC})
    mill.settle()
    assert mill.complete


def test_the_end_event_comes_after_everything_else_also_when_a_worker_dies() -> None:
    mill = Mill(uniform(["a"], 6), {"w1": GENERIC, "w2": GENERIC})
    mill.read("a", [numbered("a", item, 7) for item in range(8)])
    mill.kill("w1")
    mill.settle()
    assert mill.complete
    assert mill.workers["w2"].seen == list(range(8))

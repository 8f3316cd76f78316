"""What the reducer answers about its result, and what the controller does, while events are lost, fail and are late."""

from __future__ import annotations

import asyncio

from beamloom.engine.accounts.coverage import Coverage
from beamloom.events import Event, PacketKind, Result
from beamloom.results.following import Follower, Update, Wish
from beamloom.results.snapshot import Snapshot
from beamloom.transport.channel import Received
from beamloom.transport.messages import Reduced
from beamloom.triggermap import open_ended, uniform
from services.bench import Bench, Doubling, Feed, Gathering, frame, series, start


def read(bench: Bench) -> Snapshot:
    """What a reader is given now."""

    async def ask() -> Snapshot:
        asked = asyncio.ensure_future(bench.desk.snapshot())
        while not asked.done():
            bench.desk.serve(float("inf"))
            await asyncio.sleep(0)
        return await asked

    return asyncio.run(ask())


def covered(bench: Bench) -> Coverage:
    """What the reducer answers now; it holds for the result that goes with it."""
    snapshot = read(bench)
    assert snapshot.coverage is not None
    states = [
        snapshot.coverage.reduced,
        snapshot.coverage.failed,
        snapshot.coverage.lost,
        snapshot.coverage.pending,
    ]
    assert sum(map(len, states)) == snapshot.coverage.end
    return snapshot.coverage


class Failing(Doubling):
    def process_event(self, event: Event, parameters: object) -> dict[str, int] | None:
        if event.event_number == 3:
            raise ValueError("the spectrum is empty")
        return None if event.event_number == 4 else {"double": 2 * event.event_number}


class Refusing(Gathering):
    def process_result(self, result: Result) -> None:
        if result.event_number == 5:
            raise ValueError("no room")
        super().process_result(result)


def test_lost_and_failed_events_are_named_and_those_without_a_result_are_in() -> None:
    packets = series(10)
    del packets[7]
    with Bench({"eiger": Feed(packets)}, Failing, Refusing) as bench:
        active = bench.play(uniform(["eiger"], 10))
        bench.steps(3)
        coverage = covered(bench)
        assert list(coverage.reduced) == [(0, 3), (4, 5), (6, 7), (8, 12)]
        assert list(coverage.failed) == [(3, 4), (5, 6)]
        assert list(coverage.lost) == [(7, 8)]
        assert "gap" in coverage.losses[0].cause
        assert coverage.over
        assert coverage.to_json() == active.coverage.to_json()
        assert set(bench.published["results"]) == {0, 1, 2, 6, 8, 9, 10, 11}


def test_the_coverage_of_each_snapshot_is_that_of_the_events_it_holds() -> None:
    with Bench({"eiger": Feed(series(300))}) as bench:
        active = bench.arm(uniform(["eiger"], 300))
        seen = 0
        while not active.finished:
            bench.step()
            snapshot = read(bench)
            assert snapshot.publish is not None
            assert snapshot.coverage is not None
            held = {event for event in snapshot.publish["results"] if 0 < event < 301}
            assert held == {n for a, b in snapshot.coverage.reduced for n in range(a, b)} - {0, 301}
            seen += 0 < len(held) < 300
        assert seen > 1


def test_a_result_whose_report_comes_after_its_event_was_given_up_is_counted_as_reduced() -> None:
    held: list[Received] = []

    def tap(name: str, received: Received) -> bool:
        late = name == "controller" and isinstance(received.message, Reduced) and len(held) < 1
        late = late and any(first <= 4 < stop for _, _, first, stop in received.message.deliveries)  # type: ignore[union-attr]
        if late:
            held.append(received)
        return not late

    feed = Feed([start(), *map(frame, range(1, 5))])
    with Bench({"eiger": feed}, workers=["worker-1"]) as bench:
        bench.tap = tap
        active = bench.arm(uniform(["eiger"], 10))
        bench.until(lambda: bool(held))
        active.run.abort("the test gives up")
        bench.steps(50)
        assert 4 in active.run.ledger.lost
        assert 4 in covered(bench).reduced
        bench.controller.receive(held[0], bench.now)
        assert 4 not in active.run.ledger.lost
        assert active.coverage.reduced == covered(bench).reduced
        assert active.coverage.lost == covered(bench).lost


def test_an_open_ended_run_is_complete_only_when_it_has_an_end() -> None:
    feed = Feed([start(), *map(frame, range(1, 5))])
    with Bench({"eiger": feed}) as bench:
        active = bench.arm(open_ended(["eiger"]))
        # That both workers have had the start event, the reducer learns from the controller.
        bench.until(lambda: 0 in covered(bench).reduced)
        assert covered(bench).sentence == "It has no end yet: 5 events are in the result."
        feed.send(series(4)[-1:])
        bench.until(lambda: active.finished)
        bench.steps(3)
        assert covered(bench).sentence == "Complete: all 6 events are in the result."


def test_the_parameters_that_held_are_known_with_the_event_they_began_with() -> None:
    feed = Feed([start(), *map(frame, range(1, 3))])
    with Bench({"eiger": feed}) as bench:
        active = bench.arm(uniform(["eiger"], 2000))
        bench.until(lambda: bench.reduced() == 3)
        bench.controller.set_parameters({"gain": b"7"})
        first, second = active.epochs
        assert (first.first_event, first.values["gain"]) == (0, 1)
        assert second.first_event > 3
        assert second.values["gain"] == 7


def test_the_reducer_is_told_a_few_times_a_second_and_not_when_nothing_has_changed() -> None:
    told = 0

    def tap(name: str, received: Received) -> bool:
        nonlocal told
        told += name == "reducer" and type(received.message).__name__ == "Coverage"
        return True

    feed = Feed(series(20)[:10])
    assert feed.arrivals[0].kind is PacketKind.START  # type: ignore[union-attr]
    with Bench({"eiger": feed}) as bench:
        bench.tap = tap
        bench.arm(uniform(["eiger"], 20))
        bench.steps(500)  # five seconds
        assert 1 <= told <= 3


def followed(bench: Bench, follower: Follower) -> list[Update]:
    update = follower.next_update(read(bench))
    return [] if update is None else [update]


def test_those_who_follow_are_told_how_many_events_are_in_and_when_that_is_all() -> None:
    everything, count, nothing = (Follower(Wish(paths)) for paths in ((), ("$.count",), ("$.none",)))
    told: dict[str, list[Update]] = {"all": [], "count": [], "nothing": []}
    with Bench({"eiger": Feed(series(300))}) as bench:
        active = bench.arm(uniform(["eiger"], 300))
        while not active.finished:
            bench.step()
            told["all"] += followed(bench, everything)
            told["count"] += followed(bench, count)
            told["nothing"] += followed(bench, nothing)
            held = len(bench.published["results"].keys() - {0, 301})
            assert told["all"][-1].coverage is not None
            reduced = told["all"][-1].coverage.counts["reduced"]
            assert reduced is not None
            assert held <= reduced <= held + 2
        bench.steps(3)
        told["all"] += followed(bench, everything)
        told["nothing"] += followed(bench, nothing)
    last = told["all"][-1].coverage
    assert last is not None
    assert (last.complete, last.over) == (True, True)
    assert last.counts == {"reduced": 302, "pending": 0, "failed": 0, "lost": 0}
    versions = [update.version for update in told["all"]]
    assert versions == sorted(set(versions))
    assert len(told["count"]) > 3
    assert all(update.coverage is not None for update in told["count"])
    alone = [
        (one.changed, one.coverage.complete, one.coverage.over) for one in told["nothing"] if one.coverage
    ]
    assert alone[0] == ([], False, False)
    assert alone[-1] == ([], True, True)
    assert len(alone) <= 3


def test_a_change_of_the_account_alone_is_told_with_a_version_of_its_own() -> None:
    class Silent(Doubling):
        def process_event(self, event: Event, parameters: object) -> None:
            return None

    feed = Feed(series(5)[:3])
    with Bench({"eiger": feed}, Silent) as bench:
        active = bench.arm(uniform(["eiger"], 5))
        bench.until(lambda: bench.reduced() == 3)
        bench.steps(3)
        follower = Follower(Wish())
        (first,) = followed(bench, follower)
        assert followed(bench, follower) == []
        feed.send(series(5)[3:])
        bench.until(lambda: active.finished)
        bench.steps(3)
        tree = read(bench).publish
        (second,) = followed(bench, follower)
        assert tree is not None
        assert tree["count"] == 0
        assert second.version > first.version
        assert second.coverage is not None
        assert second.coverage.complete

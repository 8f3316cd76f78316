"""The seed, and nothing else, says what will go wrong."""

from __future__ import annotations

from collections import Counter

from chaos.schedule import STREAMS, WORKERS, Kind, draw


def test_the_seed_reproduces_the_schedule() -> None:
    assert draw(7, 50_000, 33) == draw(7, 50_000, 33)
    assert draw(7, 50_000, 33) != draw(8, 50_000, 33)


def test_every_kind_of_blow_has_its_turn_before_one_comes_again() -> None:
    for seed in range(20):
        counts = Counter(blow.kind for blow in draw(seed, 50_000, 3 * len(Kind)).blows)
        assert counts == dict.fromkeys(Kind, 3)


def test_blows_come_in_the_order_of_their_moments_within_the_run_and_hit_processes_that_there_are() -> None:
    names = {
        *(f"worker-{number + 1}" for number in range(WORKERS)),
        *(f"{stream}-ingester" for stream in STREAMS),
        "controller",
        "reducer",
    }
    for seed in range(20):
        blows = draw(seed, 20_000, 40, list(Kind)).blows
        assert [blow.at for blow in blows] == sorted(blow.at for blow in blows)
        assert all(0 < blow.at < 20_000 and names.issuperset(blow.targets) for blow in blows)


def test_no_event_has_two_faults() -> None:
    for seed in range(20):
        schedule = draw(seed, 50_000, 0)
        items = [
            item
            for one in (schedule.camera, schedule.encoder)
            for some in vars(one).values()
            for item in some
        ]
        events = [*schedule.harms, *(item + 1 for item in items)]
        assert len(set(events)) == len(events)
        assert not schedule.lost & schedule.failed
        assert {"raise", "segfault", "hang", "exit"} == set(schedule.harms.values())


def test_a_run_that_is_too_short_for_faults_has_none() -> None:
    schedule = draw(7, 20, 0)
    assert (schedule.faults, schedule.lost, schedule.failed) == (0, frozenset(), frozenset())

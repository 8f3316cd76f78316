"""A worker that drains is given nothing more; what it holds is its own until it is gone, and comes to others without suspicion."""

from __future__ import annotations

import pytest

from beamloom.engine.runs.run import Run, RunSettings
from beamloom.triggermap import batched, uniform

WORKERS = ("leaving", "staying")


def a_run() -> Run:
    """Two workers, each with the start event and its share of the first events."""
    run = Run("run", uniform(["a"], 1000), RunSettings(), 0.0)
    for name in WORKERS:
        run.add_worker(name, {"generic"}, 0.0)
    for span in run.advance(0.0).spans:
        if span.first == 0:
            run.taken(span.worker, span.slot, 0, 1, 0.0, [(0, 1)])
    return run


def test_who_drains_is_given_nothing_more() -> None:
    run = a_run()
    run.drain_worker("leaving")
    held = run.outstanding("leaving")
    for _ in range(5):
        for name in WORKERS:
            for slot, lease in run._scheduler.workforce[name].leases.items():
                for first, stop in list(lease):
                    run.taken(name, slot, first, stop, 0.1)
        assert {span.worker for span in run.advance(0.1).spans} == {"staying"}
    assert held > 0
    assert run.outstanding("leaving") == 0
    assert run.outstanding("staying") > 0


@pytest.mark.parametrize("killed", [False, True])
def test_what_it_holds_comes_to_others_when_it_is_gone(killed: bool) -> None:
    run = a_run()
    run.drain_worker("leaving")
    held = run.outstanding("leaving")
    assert all(span.worker == "staying" for span in run.advance(0.1).spans)
    run.lose_worker("leaving", killed=killed)
    assert run.advance(0.2).fence == ["leaving"]
    run.fenced("leaving", 0.2)
    assert (run.handed_back, run.redelivered) == ((0, held) if killed else (held, 0))
    assert bool(run._scheduler._suspects) == killed
    again = [span for span in run.advance(0.2).spans if span.attempt == 2]
    # A suspect waits for a worker that has nothing else.
    assert sum(span.count for span in again) == (0 if killed else held)


def test_a_constraint_that_was_begun_waits_for_the_end_of_who_has_it() -> None:
    run = Run("run", batched(["a"], 10_000, 5000), RunSettings(), 0.0)
    run.add_worker("leaving", {"generic"}, 0.0)
    run.advance(0.0)
    run.drain_worker("leaving")
    run.add_worker("staying", {"generic"}, 0.1)
    assert [span.first for span in run.advance(0.1).spans] == [0]
    run.lose_worker("leaving", killed=False)
    run.advance(0.2)
    run.fenced("leaving", 0.2)
    spans = [span for span in run.advance(0.3).spans if span.first > 0]
    assert {span.worker for span in spans} == {"staying"}
    events = [event for span in spans for event in range(span.first, span.stop)]
    assert events == sorted(events)
    assert events[0] == 1


def test_nobody_drains_who_takes_no_part() -> None:
    run = a_run()
    run.drain_worker("nobody")
    assert run.workers == list(WORKERS)

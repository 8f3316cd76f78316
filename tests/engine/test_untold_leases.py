"""A lease that its worker has not been told of is not missed when the worker says what it holds."""

from __future__ import annotations

from beamloom.engine.runs.run import Run, RunSettings
from beamloom.triggermap import uniform


def test_what_is_leased_while_there_is_no_reducer_is_leased_once() -> None:
    run = Run("run", uniform(["a"], 100), RunSettings(), 0.0)
    run.add_worker("first", {"generic"}, 0.0)
    (start, *_) = run.advance(0.0).spans
    run.progress("a", 102, 102, ended=True, now=0.1)
    run.taken("first", start.slot, 0, 1, 0.1)
    run.lose_reducer("killed", 0.2)
    run.add_worker("late", {"generic"}, 0.2)
    run.take_up({start.slot: [(0, 1)]}, [(0, 1)], 0.3)
    # Asked as it joined, before the orders of this turn have reached it.
    run.holds("late", {})
    spans = [span for span in run.advance(0.4).spans if span.worker == "late"]
    leased = [event for span in spans for event in range(span.first, span.stop)]
    assert leased
    assert len(leased) == len(set(leased))
    assert run.redelivered == 0

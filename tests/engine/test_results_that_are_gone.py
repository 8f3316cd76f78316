"""The reducer has died, and its journal does not have all that it had told: events that are open are worked on again."""

from __future__ import annotations

from beamloom.engine.accounts.ledger import EventState, Ledger
from beamloom.engine.assignment import Span
from beamloom.engine.runs.run import Run, RunSettings
from beamloom.triggermap import TriggerMap, uniform

GENERIC = frozenset({"generic"})
TWO_CONSTRAINTS = {
    "parts": {"main": {"a": [[{"constraint": 0}]], "b": [[{"constraint": 1}]]}},
    "sequence": ["main"],
}


def begun(trigger_map: TriggerMap, *workers: str) -> tuple[Run, list[Span]]:
    """A run, and the leases of its event 0."""
    run = Run("run", trigger_map, RunSettings(), 0.0)
    for worker in workers:
        run.add_worker(worker, GENERIC, 0.0)
    return run, leases_of_first(run, 0.1)


def leases_of_first(run: Run, now: float) -> list[Span]:
    return [span for span in run.advance(now).spans if span.first == 0]


def test_a_delivery_that_was_leased_twice_is_leased_again_under_a_third_attempt() -> None:
    run, (one, _) = begun(TriggerMap.from_json(TWO_CONSTRAINTS, all_wrap=False), "w1", "w2", "w3")
    run.lose_worker(one.worker, killed=False)
    run.fenced(one.worker, 0.2)
    (second,) = leases_of_first(run, 0.3)
    run.taken(second.worker, second.slot, 0, 1, 0.4, [(0, 1)])
    run.lose_reducer("killed", 0.5)
    run.take_up({}, [], 0.6)
    (third,) = leases_of_first(run, 0.7)
    # Packets that come under an attempt which its worker has been through are not taken for those of the new one.
    assert [one.attempt, second.attempt, third.attempt] == [1, 2, 3]


def test_of_the_start_event_each_worker_is_to_have_a_result() -> None:
    run, (one, other) = begun(uniform(["a"], 10), "w1", "w2")
    run.taken(one.worker, one.slot, 0, 1, 0.2, [(0, 1)])
    run.lose_reducer("killed", 0.3)
    run.take_up({}, [], 0.4)
    (again,) = leases_of_first(run, 0.5)
    assert (again.slot, again.attempt) == (one.slot, 2)
    run.taken(other.worker, other.slot, 0, 1, 0.6, [(0, 1)])
    assert run.ledger.state(0) is EventState.ASSIGNED
    run.taken(again.worker, again.slot, 0, 1, 0.7, [(0, 1)])
    assert run.ledger.state(0) is EventState.REDUCED


def test_a_result_that_is_gone_is_not_told_as_one_that_is_there() -> None:
    ledger, told = Ledger(10), Ledger(10)
    ledger.reduce(0, 6)
    ledger.revoke(2, 4, "its journal is gone")
    told.learn(ledger.take_news())
    assert (list(told.reduced), list(told.lost)) == ([(0, 2), (4, 6)], [(2, 4)])
    assert [loss.cause for loss in told.losses] == ["its journal is gone"]

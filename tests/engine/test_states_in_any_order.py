"""Whatever happens in whatever order: what a result depends on is what came before it in its constraint, and nothing else.

The same runs as in ``test_any_order``, of a class whose results depend on the events before. The state of a constraint is the list of the
events that it has seen; the reference is the trigger map. Some of these runs lose their controller again and again.
"""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import rule

from beamloom.engine.ranges import RangeSet
from beamloom.engine.scheduling.lives import Lives
from beamloom.triggermap import TriggerMap
from engine.mill import GENEROUS, Mill
from engine.test_any_order import DEBUG, DEEP, GENERIC, AnyOrder, numbers
from engine.test_checkpoints import AnyOrderWithRestarts, Diary


class StatesInAnyOrder(AnyOrder):
    """One run on the mill, of a stateful class."""

    code_changes = False
    """Code with states is not changed within a run."""
    controllers_died = False
    """Then workers may not have heard which states nobody needs any more."""

    def make_mill(self, trigger_map: TriggerMap, team: dict[str, frozenset[str]], budget: int) -> Mill:
        return Mill(trigger_map, team, budget, stateful=True)

    @rule(count=st.integers(1, 30))
    def a_while_passes(self, count: int) -> None:
        """All goes well: constraints get under way."""
        for stream in sorted(self.at):
            self._read(stream, count)
        self.mill.quiet(2)
        for name in sorted(self.mill.workers):
            if name in self.mill.workers:
                self.mill.work(name, count)

    def teardown(self) -> None:
        if hasattr(self, "mill"):
            super().teardown()
            self._check_states()

    @rule(tags=st.sampled_from([GENERIC, DEBUG]), newer=st.sampled_from([0, 0, 1]))
    def a_worker_joins(self, tags: frozenset[str], newer: int = 0) -> None:
        if not self.mill.complete:
            super().a_worker_joins(tags, newer)

    def _let_everything_through(self) -> None:
        self.mill.tells_coverage = True
        self.mill.settle()
        if not self.mill.complete:
            super()._let_everything_through()

    def _check_account(self) -> None:
        doomed = {e for cause, some in self._doomed() for e in numbers(some)}
        if not doomed:
            super()._check_account()
            return
        ledger = self.mill.run.ledger
        counts = ledger.counts()
        assert self.mill.complete, counts
        assert counts.reduced + counts.failed + counts.lost == ledger.total
        # Given up only where packets are gone, or where what had been worked on before kills.
        assert self.mill.poison or self.blocking or self.dead, self._doomed()

    def _doomed(self) -> list[tuple[str, RangeSet]]:
        return [one for one in self.mill.run.losses_by_cause() if "cannot be done" in one[0]]

    def _check_failures(self) -> None:
        mill = self.mill
        failed = numbers(mill.run.ledger.failed)
        assert failed <= mill.failing | mill.refused | mill.blamed | mill.poison

    def _check_states(self) -> None:
        """Each result depends on all events before it in its constraint that were worked on, in order, and on no other one."""
        mill, ledger = self.mill, self.mill.run.ledger
        # Put aside: events that kill, and those held by two workers, by the second alone, that died of something else.
        put_aside = numbers(ledger.failed) & numbers(mill.run.faults.quarantined)
        assert put_aside <= mill.blamed | mill.poison
        never = numbers(ledger.lost) | put_aside
        for (event, slot), seen in mill.states.items():
            constraint = self._constraint(event, slot)
            if self.open and event == (ledger.total or 0) - 1:
                # The end event, unless the run was stopped.
                assert seen in ((), (event,))
            elif constraint is None:
                assert seen == (), (event, slot)
            else:
                self._check_state(event, slot, seen, constraint, never)

    def _check_state(
        self, event: int, slot: int, seen: tuple[int, ...], constraint: tuple[int, int], never: set[int]
    ) -> None:
        before = [e for e in range(event + 1) if self._same(constraint, e)]
        assert list(seen) == sorted(set(seen)), (event, slot, seen)
        assert set(seen) <= set(before), (event, slot, seen)
        assert set(before) - never <= set(seen), (event, slot, seen, before, never)

    def _constraint(self, event: int, slot: int) -> tuple[int, int] | None:
        """Occurrence of the part, and constraint, of one delivery."""
        if self.open:
            # Each event of these is of its own constraint; the first and the last go to all.
            return None if event == 0 else (event, 0)
        cells = [self.mill.map.cell(stream, event) or () for stream in sorted(self.at, key=self._column)]
        named = dict.fromkeys(one.constraint for cell in cells for one in cell if one.constraint is not None)
        constraints = list(named)
        if slot >= len(constraints):
            return None
        return self.mill.map.locate(event).occurrence, constraints[slot]

    def _column(self, stream: str) -> int:
        return list(self.mill.map.streams).index(stream)

    def _same(self, constraint: tuple[int, int], event: int) -> bool:
        if self.open:
            return constraint[0] == event
        cells = [self.mill.map.cell(stream, event) or () for stream in self.at]
        return self.mill.map.locate(event).occurrence == constraint[0] and any(
            one.constraint == constraint[1] for cell in cells for one in cell
        )

    def _check_nothing_is_kept(self) -> None:
        super()._check_nothing_is_kept()
        lives = self.mill.run.lives
        assert isinstance(lives, Lives)
        assert not lives._leased
        if not self.stopped:
            assert not any(binding.lives for binding in lives._bindings)
            assert not lives.pasts.kept
            if not self.controllers_died:
                assert not any(worker.states for worker in self.mill.workers.values())


class StatesWithRestarts(StatesInAnyOrder, AnyOrderWithRestarts):
    """As states in any order, and the controller dies again and again."""

    controllers_died = True

    def make_mill(self, trigger_map: TriggerMap, team: dict[str, frozenset[str]], budget: int) -> Mill:
        mill = StatesInAnyOrder.make_mill(self, trigger_map, team, GENEROUS)
        self.diary = Diary(mill.run)
        return mill


def test_a_state_goes_on_without_an_event_that_was_put_aside_though_it_did_not_kill() -> None:
    """Three workers are killed from outside. The third is the second that held event 2, alone as that was under suspicion."""
    run = StatesInAnyOrder()
    run.arm(name="mixed", workers=1, budget=GENEROUS)
    mill = run.mill
    run.deaths = 3
    mill.kill("w0")
    run.the_controller_looks()
    run.a_while_passes(1)
    run.a_worker_joins(GENERIC)
    mill.kill("w1")
    run.the_controller_looks()
    run.a_worker_joins(GENERIC)
    run.a_worker_joins(GENERIC)
    run.a_while_passes(1)
    mill.kill("w3")
    run.teardown()
    assert list(mill.run.faults.quarantined) == [(0, 1), (2, 3)]
    # Events 2 and 4 are of one constraint.
    assert mill.states[4, 0] == (4,)


class _Choice:
    """What a test draws where hypothesis would."""

    def __init__(self, choice: str) -> None:
        self.choice = choice

    def draw(self, _: object) -> str:
        return self.choice


def test_an_open_ended_run_ends_where_its_streams_do_though_constraints_behind_that_were_doomed() -> None:
    run = StatesInAnyOrder()
    run.arm(name="open", workers=2, budget=GENEROUS)
    run.an_ingester_dies(_Choice("b"), 0, False)
    run.a_worker_dies(_Choice("w1"), True)
    run.teardown()
    total = run.mill.run.ledger.total
    assert total is not None
    assert max(loss.stop for loss in run.mill.run.ledger.losses) <= total


TestStatesInAnyOrder = StatesInAnyOrder.TestCase
TestStatesInAnyOrder.settings = settings(
    max_examples=4000 if DEEP else 60, stateful_step_count=80 if DEEP else 40, deadline=None
)
TestStatesWithRestarts = StatesWithRestarts.TestCase
TestStatesWithRestarts.settings = settings(
    max_examples=2000 if DEEP else 30, stateful_step_count=100 if DEEP else 50, deadline=None
)

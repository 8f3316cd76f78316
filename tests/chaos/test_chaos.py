"""Whatever happens to its processes, a run loses nothing, takes nothing twice, and publishes what the undisturbed run publishes.

The short form of ``make chaos``. A failure names its seed, with which ``make chaos ARGS="--seed ... --events ..."`` repeats it.
"""

from __future__ import annotations

import pytest

from chaos.campaign import campaign
from chaos.many_runs import many_runs
from chaos.schedule import Kind, draw

pytestmark = pytest.mark.processes

EVENTS = 5000
RATE = 500.0


@pytest.mark.expects_errors
@pytest.mark.timeout(180)
def test_a_run_that_every_kind_of_fault_happens_to_equals_the_undisturbed_one() -> None:
    verdict = campaign(draw(7, EVENTS, len(Kind)), RATE)
    assert verdict.problems == [], verdict
    assert verdict.finished
    assert verdict.equal
    assert (verdict.lost, verdict.failed, verdict.duplicates) == (0, 0, 0)
    assert verdict.lost_rightly > 0
    assert verdict.failed_rightly > 0
    assert sum(verdict.blows.values()) >= len(Kind) // 2, "the run was over too soon to say anything"


@pytest.mark.expects_errors
@pytest.mark.timeout(180)
@pytest.mark.long
def test_constraints_with_a_state_outlive_workers_ingesters_and_reducers_in_one_run() -> None:
    kinds = [Kind.KILL_WORKER, Kind.KILL_INGESTER, Kind.KILL_REDUCER]
    verdict = campaign(draw(21, 2000, len(kinds), kinds), RATE, stateful=True)
    assert verdict.problems == [], verdict
    assert verdict.passed
    assert (verdict.lost, verdict.failed, verdict.duplicates) == (0, 0, 0)
    assert sum(verdict.blows.values()) >= 2, "the run was over too soon to say anything"


@pytest.mark.timeout(120)
def test_thirty_runs_in_a_row_leave_nothing_behind() -> None:
    outcome = many_runs(30)
    assert outcome.problems == [], outcome
    assert outcome.reduced > 0

"""What a second chance is worth: chunks that are worked off again begin with all the attempts that their rule allows."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from beamloom.rules.cutting import Cut
from beamloom.rules.ledger import Ledger
from beamloom.rules.policy import DIED
from beamloom.rules.spec import Done, Failed, Outcome, StepSpec, Work


def test_a_chunk_that_is_retried_may_die_as_often_as_in_the_beginning(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path)) as ledger:
        (step,) = ledger.submit([StepSpec(name="one", kind="Test", task="a:b")], [], [], 0.0)
        ledger.release(step, [Cut(0, 1)])
        ledger.finalise(step, 1, 0.0)

        def work(now: float) -> Work:
            (work,) = ledger.claim(step, 1, now)
            return work

        def come_to(outcome: Outcome, now: float) -> str:
            ledger.take([outcome], now)
            return ledger.view(step).state

        assert come_to(Failed(work(10.0).lease, [DIED], "it died"), 10.0) == "running"
        assert come_to(Failed(work(20.0).lease, [DIED], "it died"), 20.0) == "failed"
        assert ledger.retry_failed(step, 30.0) == 1
        assert come_to(Failed(work(40.0).lease, [DIED], "it died"), 40.0) == "running"
        assert come_to(Done(work(50.0).lease, 0.0), 50.0) == "done"

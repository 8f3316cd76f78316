"""What goes wrong around an engine for a while holds it up for that while, and is told."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from beamloom.rules import FunctionRule, LedgerError, LocalPool, RuleEngine
from beamloom.rules.engine.following import Follower
from beamloom.rules.engine.lock import lock
from beamloom.rules.ledger import Ledger, Settled
from beamloom.rules.spec import Setup, StepSpec, Work
from support.patience import PATIENCE
from support.waiting import until


class FailsAtFirst(LocalPool):
    """An executor of a site that has faults."""

    def __init__(self, where: str) -> None:
        super().__init__(1)
        self.where = where
        self.failed = 0

    def _fail(self, where: str) -> None:
        if where == self.where and self.failed < 3:
            self.failed += 1
            raise RuntimeError("can't start new thread")

    def room(self) -> int:
        self._fail("room")
        return super().room()

    def submit(self, setup: Setup, work: Work) -> None:
        self._fail("submit")
        super().submit(setup, work)


@pytest.mark.expects_errors
@pytest.mark.parametrize("where", ["room", "submit"])
def test_an_executor_that_fails_now_and_then_ends_no_engine(tmp_path: Path, where: str) -> None:
    pool = FailsAtFirst("")
    with RuleEngine(tmp_path / "rules", pool) as engine:
        pool.where = where
        rule = FunctionRule("support.rule_tasks:nothing", 40).push(engine)
        assert rule.wait(PATIENCE)["state"] == "done"
        assert pool.failed == 3
        until(lambda: not engine.trouble, "it is well again")


@pytest.mark.expects_errors
def test_workers_that_cannot_be_started_are_started_when_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(sys, "executable", str(tmp_path / "not mounted" / "python"))
        engine = RuleEngine(tmp_path / "rules", LocalPool(1))
        until(lambda: "cannot be started" in engine.trouble, "it is told")
    with engine:
        rule = FunctionRule("support.rule_tasks:nothing", 40).push(engine)
        assert rule.wait(PATIENCE)["state"] == "done"
        assert engine.trouble == ""


def test_a_series_is_followed_on_when_the_ledger_could_not_be_written_for_a_while(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    spec = StepSpec(name="a", kind="Test", task="a:b", chunk=10, source={"kind": "numbers", "count": 40})
    (step,) = ledger.submit([spec], [], [], 0.0)
    heard: list[Settled] = []
    read_only(ledger, wanted=True)
    follower = Follower(ledger, step, None, time.time, heard.append)
    try:
        until(lambda: bool(heard) or follower.over, "it has tried")
        assert not follower.over
        read_only(ledger, wanted=False)
        until(lambda: ledger.view(step).final == 40, "all is released")
    finally:
        follower.stop()
        follower.join()
        ledger.close()


def test_an_engine_that_could_not_begin_is_in_nobodys_way(tmp_path: Path) -> None:
    def full() -> Ledger:
        ledger = Ledger(tmp_path / "rules")
        read_only(ledger, wanted=True)
        return ledger

    pool = LocalPool(1)
    with pytest.raises(LedgerError, match="cannot be kept"):
        RuleEngine(tmp_path / "rules", pool, full)
    assert pool.pids() == []
    with RuleEngine(tmp_path / "rules", LocalPool(1)) as engine:
        assert FunctionRule("support.rule_tasks:nothing", 1).push(engine).wait(PATIENCE)["state"] == "done"


def test_a_lock_needs_no_room_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "engine.lock").symlink_to("/dev/full")
    lock(tmp_path).close()


def read_only(ledger: Ledger, *, wanted: bool) -> None:
    with ledger._database.reading() as connection:
        connection.execute(f"PRAGMA query_only = {int(wanted)}")

"""The ledger against a model, whatever the order of deaths, retries, late results and restarts: no chunk lost, none counted twice."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from beamloom.rules.cutting import cut
from beamloom.rules.ledger import Ledger
from beamloom.rules.policy import Condition, Retries
from beamloom.rules.spec import GATHER, Done, Failed, Lease, Link, Outcome, Returned, Staged, StepSpec, Work

RETRIES = Retries(errors={"OSError": 2}, others=0, deaths=1, timeouts=1, backoff=0.0)


def spec(name: str, gather: bool) -> StepSpec:
    return StepSpec(
        name=name, kind="Test", task="a:b", chunk=7, gather="a:c" if gather else "", retries=RETRIES
    )


class LedgerMachine(RuleBasedStateMachine):
    """A chain of two steps; a series that grows; workers that do anything; processes that are killed."""

    @initialize(gather=st.booleans(), on=st.sampled_from(["success", "finish"]))
    def begin(self, gather: bool, on: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ledger"))
        self.ledger = Ledger(self.folder)
        self.now = 0.0
        self.there, self.closed = 0, False
        self.out: list[Work] = []
        self.late: list[Lease] = []
        self.counted: dict[int, int] = {}
        """For each frame of the first step, how often a result of it was taken."""
        self.on = on
        self.first, self.second = self.ledger.submit(
            [spec("first", gather), spec("second", False)],
            [Link(0, 1, Condition(on=on))],  # type: ignore[arg-type]
            [],
            self.now,
        )
        self.starts = 0

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.folder)

    @rule(frames=st.integers(0, 30), overdue=st.booleans(), close=st.booleans())
    def grow(self, frames: int, overdue: bool, close: bool) -> None:
        if not self.closed:
            self.there += frames
            self.closed = close
        view = self.ledger.view(self.first)
        if view.state != "running" or view.final is not None:
            return
        cuts = cut(view.released, self.there, size=7, overdue=overdue, closed=self.closed)
        self.ledger.release(self.first, cuts)

    @precondition(lambda self: self.closed)
    @rule()
    def reconcile(self) -> None:
        view = self.ledger.view(self.first)
        if view.state == "running" and view.final is None:
            self.ledger.release(self.first, cut(view.released, self.there, size=7, closed=True))
            self._count(self.ledger.finalise(self.first, self.there, self.now).started)

    @rule(most=st.integers(1, 4))
    def lease(self, most: int) -> None:
        self.out += self.ledger.claim(self.first, most, self.now)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        """One worker or several tell what became of their chunks, in one transaction, in any order, some of them twice."""
        works = data.draw(st.lists(st.sampled_from(self.out), min_size=1, max_size=3))
        outcomes = [self._outcome(work, data) for work in works]
        before = {work.lease: self._attempt_holds(work) for work in works}
        for outcome in outcomes:
            holds = before.pop(outcome.lease, False)
            work = next(work for work in self.out + works if work.lease == outcome.lease)
            if isinstance(outcome, Done) and holds and work.lease.chunk != GATHER:
                for frame in range(work.start, work.stop):
                    self.counted[frame] = self.counted.get(frame, 0) + 1
        settled = self.ledger.take(outcomes, self.now)
        self._count(settled.started)
        for work in works:
            if work in self.out:
                self.out.remove(work)
                self.late.append(work.lease)

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def come_late(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.late))
        settled = self.ledger.take([Done(lease, 0.0, file="late")], self.now)
        assert settled.late == ["late"]
        assert not settled.started

    @rule()
    def crash(self) -> None:
        """The process is killed, and another one goes on; what was leased comes back late, if at all."""
        self.ledger.close()
        self.ledger = Ledger(self.folder)
        self.ledger.take_over()
        self.late += [work.lease for work in self.out]
        self.out = []

    @rule()
    def publish(self) -> None:
        for one in self.ledger.unpublished():
            self.ledger.choose(one.id, one.requested)
            self._count(self.ledger.published(one.id, self.now).started)

    @precondition(lambda self: self.ledger.view(self.first).state == "failed")
    @rule()
    def retry(self) -> None:
        failed = self.ledger.view(self.first).frames_failed
        started = self.ledger.view(self.second).state
        chunks = self.ledger.retry_failed(self.first, self.now)
        assert chunks > 0 or not failed
        if started == "skipped" and chunks:
            assert self.ledger.view(self.second).state == "waiting"

    @invariant()
    def every_frame_is_in_one_state(self) -> None:
        view = self.ledger.view(self.first)
        left, failed = self.ledger.parts(self.first)
        done = [frame for part in left for frame in range(part.start, part.stop)]
        bad = [frame for start, stop in failed for frame in range(start, stop)]
        assert len(done) == len(set(done)) == view.frames_done
        assert len(bad) == len(set(bad)) == view.frames_failed
        assert not set(done) & set(bad)
        assert set(done) | set(bad) <= set(range(view.released))
        assert view.leased == len({work.lease for work in self.out})
        assert all(self.counted.get(frame) == 1 for frame in done)

    @invariant()
    def a_step_that_has_ended_has_accounted_for_every_frame(self) -> None:
        view = self.ledger.view(self.first)
        if view.state in ("done", "failed"):
            assert self.closed
            assert view.final == view.released == self.there == view.frames_done + view.frames_failed
            assert (view.state == "failed") == bool(view.frames_failed or view.reason)
            assert not self.ledger.unpublished()

    @invariant()
    def the_next_step_starts_once_and_only_as_its_condition_says(self) -> None:
        first, second = self.ledger.view(self.first), self.ledger.view(self.second)
        if second.state == "running":
            assert self.starts == 1
        if second.state == "skipped":
            assert (self.on, first.state) == ("success", "failed")
        if second.state == "waiting":
            assert first.state in ("running", "gathering")

    def _outcome(self, work: Work, data: st.DataObject) -> Outcome:
        kind = data.draw(st.sampled_from(["done", "done", "bad", "disk", "died", "back"]))
        if kind == "done":
            wrote = work.lease.chunk == GATHER
            outputs = [Staged("results", "staged", f"/out/{work.lease.attempt}")] if wrote else []
            return Done(work.lease, 0.1, file="there", outputs=outputs)
        if kind == "back":
            return Returned(work.lease)
        classes = {"bad": ["ValueError"], "disk": ["OSError"], "died": ["worker died"]}[kind]
        return Failed(work.lease, classes, kind)

    def _attempt_holds(self, work: Work) -> bool:
        return work in self.out

    def _count(self, started: list[int]) -> None:
        self.starts += started.count(self.second)


LedgerMachine.TestCase.settings = hypothesis.settings(max_examples=40, stateful_step_count=35)
TestLedger = LedgerMachine.TestCase

"""The ledger against a model, whatever the order of deaths, retries, late results and restarts: no chunk lost, none counted twice.

The same is asked of the ledger in a file and of the one whose journal is at a server.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from beamloom.rules import LedgerError
from beamloom.rules.cutting import Cut, cut
from beamloom.rules.ledger import Ledger
from beamloom.rules.ledger.redis_journal import redis_ledger
from beamloom.rules.policy import Condition, Retries
from beamloom.rules.spec import GATHER, Done, Failed, Lease, Link, Outcome, Returned, Staged, StepSpec, Work
from support.redis_server import redis_server

pytestmark = pytest.mark.timeout(240)
RETRIES = Retries(errors={"OSError": 2}, others=0, deaths=1, timeouts=1, backoff=1.0)
CLASSES = {"bad": ["ValueError"], "disk": ["OSError"], "died": ["worker died"]}


def spec(name: str, gather: bool) -> StepSpec:
    return StepSpec(
        name=name, kind="Test", task="a:b", chunk=7, gather="a:c" if gather else "", retries=RETRIES
    )


class LedgerMachine(RuleBasedStateMachine):
    """A chain of two steps; a series that grows; workers that do anything; processes that are killed."""

    @initialize(
        gather=st.booleans(),
        on=st.sampled_from(["success", "finish"]),
        fate=st.sampled_from(["", "", "", "shrunk", "cancelled"]),
    )
    def begin(self, gather: bool, on: str, fate: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ledger"))
        self.ledger = self.opened()
        self.now = 0.0
        self.there, self.closed = 0, False
        self.gather, self.on = gather, on
        self.out: list[Work] = []
        self.late: list[Lease] = []
        self.chunks: dict[int, str] = {}
        """What the model says of each chunk of the first step: ready, leased, done or failed."""
        self.failures: dict[int, list[list[str]]] = {}
        """Of each chunk, since it was last given a new chance."""
        self.not_before: dict[int, float] = {}
        self.fate = fate
        """What may end the first step before its time."""
        self.ended_by = ""
        """What has."""
        self.starts = 0
        self.was = "running"
        """The first step when it was last seen."""
        self.first, self.second = self.ledger.submit(
            [spec("first", gather), spec("second", False)],
            [Link(0, 1, Condition(on=on))],  # type: ignore[arg-type]
            [],
            self.now,
        )

    def opened(self) -> Ledger:
        return Ledger(self.folder)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.folder)

    @precondition(lambda self: not self.closed)
    @rule(frames=st.integers(0, 20), overdue=st.booleans(), close=st.booleans())
    def grow(self, frames: int, overdue: bool, close: bool) -> None:
        self.there += frames
        self.closed = close
        view = self.ledger.view(self.first)
        if view.state != "running" or view.final is not None:
            return
        self._release(cut(view.released, self.there, size=7, overdue=overdue))
        released = self.ledger.view(self.first).released
        for begin in (released - 1, released + 1):
            with pytest.raises(LedgerError, match="cannot be released"):
                self.ledger.release(self.first, [Cut(begin, begin + 7)])

    @precondition(lambda self: self.closed)
    @rule(all_of_them=st.booleans())
    def reconcile(self, all_of_them: bool) -> None:
        """The follower finds the end, and has released what is before it, or not yet."""
        view = self.ledger.view(self.first)
        if view.state == "running" and view.released < self.there and all_of_them:
            self._release(cut(view.released, self.there, size=7, closed=True))
        if view.state == "running" and view.final is None:
            self._count(self.ledger.finalise(self.first, self.there, self.now).started)

    @precondition(lambda self: self.fate == "shrunk" and self.chunks and not self.ended_by)
    @rule()
    def shrink(self) -> None:
        """The series has ended with fewer frames than there were before."""
        view = self.ledger.view(self.first)
        if view.state == "running" and view.final is None:
            self.ended_by = "shrunk"
            self._count(self.ledger.finalise(self.first, view.released - 1, self.now).started)
            assert "was changed while it was read" in self.ledger.view(self.first).reason

    @precondition(
        lambda self: (
            self.fate == "cancelled" and self.ledger.view(self.first).state in ("running", "gathering")
        )
    )
    @rule()
    def cancel(self) -> None:
        self.ended_by = "cancelled"
        assert self.ledger.cancel(self.first, "enough", self.now).started == []

    @precondition(lambda self: self.ledger.view(self.first).state in ("running", "gathering"))
    @rule(most=st.integers(1, 6), seconds=st.sampled_from([0.0, 0.5, 4.0]))
    def lease(self, most: int, seconds: float) -> None:
        self._lease(most, seconds)

    def _lease(self, most: int, seconds: float) -> None:
        self.now += seconds
        works = self.ledger.claim(self.first, most, self.now)
        due = [
            chunk
            for chunk, state in sorted(self.chunks.items())
            if chunk != GATHER and state == "ready" and self.not_before.get(chunk, 0.0) <= self.now
        ]
        chunks = [work.lease.chunk for work in works]
        assert [chunk for chunk in chunks if chunk != GATHER] == due[:most]
        for chunk in chunks:
            self.chunks[chunk] = "leased"
        self.out += works

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        """One worker or several tell what became of their chunks, in one transaction, in any order, some of them twice."""
        works = data.draw(st.lists(st.sampled_from(self.out), min_size=1, max_size=3))
        self._come_back(works, [self._outcome(work, data) for work in works])

    @precondition(lambda self: self.ledger.view(self.first).state in ("running", "gathering"))
    @rule(bad=st.lists(st.booleans(), min_size=3, max_size=3), kind=st.sampled_from(["bad", "died"]))
    def work_through(self, bad: list[bool], kind: str) -> None:
        """All that is ready is worked off, with an error of the first chunk in some of the rounds."""
        for one in bad:
            self._lease(99, 10.0)
            works = list(self.out)
            if works:
                outcomes = [self._done(work) for work in works]
                if one:
                    outcomes[0] = Failed(works[0].lease, CLASSES[kind], kind)
                self._come_back(works, outcomes)

    def _see_gathering(self) -> None:
        """When every frame is settled the results are asked for, with new chances."""
        state = self.ledger.view(self.first).state
        if (self.was, state) == ("running", "gathering"):
            self.chunks[GATHER], self.failures[GATHER], self.not_before[GATHER] = "ready", [], 0.0
        self.was = state

    def _come_back(self, works: list[Work], outcomes: list[Outcome]) -> None:
        taken = set()
        for outcome in outcomes:
            if outcome.lease not in taken and not self.ended_by:
                self._model(outcome)
            taken.add(outcome.lease)
        before = self.ledger.view(self.first)
        settled = self.ledger.take(outcomes, self.now)
        self._count(settled.started)
        if self.ended_by:
            after = self.ledger.view(self.first)
            assert (after.frames_done, after.frames_failed) == (before.frames_done, before.frames_failed)
        self._see_gathering()
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
        self._goes_on()

    def _goes_on(self) -> None:
        self.ledger = self.opened()
        self.ledger.take_over()
        self.late += [work.lease for work in self.out]
        self.out = []
        for chunk, state in self.chunks.items():
            if state == "leased":
                self.chunks[chunk] = "ready"

    @rule()
    def publish(self) -> None:
        for one in self.ledger.unpublished():
            self.ledger.choose(one.id, one.requested)
            self._count(self.ledger.published(one.id, self.now).started)

    @precondition(lambda self: self.ledger.view(self.first).state == "failed" and not self.ended_by)
    @rule()
    def retry(self) -> None:
        before = self.ledger.view(self.second).state
        chunks = self.ledger.retry_failed(self.first, self.now)
        failed = [chunk for chunk, state in self.chunks.items() if state == "failed"]
        assert chunks == len(failed)
        for chunk in failed:
            # What is put together is put together again when the others are in.
            state = "done" if chunk == GATHER and len(failed) > 1 else "ready"
            self.chunks[chunk], self.failures[chunk], self.not_before[chunk] = state, [], 0.0
        if before == "skipped":
            assert self.ledger.view(self.second).state == "waiting"

    @invariant()
    def every_chunk_is_as_the_model_has_it(self) -> None:
        view = self.ledger.view(self.first)
        left, failed = self.ledger.parts(self.first)
        done = [frame for part in left for frame in range(part.start, part.stop)]
        bad = [frame for start, stop in failed for frame in range(start, stop)]
        assert len(done) == len(set(done)) == view.frames_done
        assert len(bad) == len(set(bad)) == view.frames_failed
        assert not set(done) & set(bad)
        assert set(done) | set(bad) <= set(range(view.released))
        if self.ended_by:
            return
        self._see_gathering()
        states = [state for chunk, state in self.chunks.items() if chunk != GATHER]
        assert len(left) == states.count("done")
        assert view.leased == len({work.lease for work in self.out})
        assert view.ready == list(self.chunks.values()).count("ready")

    @invariant()
    def a_step_that_has_ended_has_accounted_for_every_frame(self) -> None:
        view = self.ledger.view(self.first)
        assert len(view.outputs) <= 1
        if view.state in ("done", "failed") and not self.ended_by:
            assert self.closed
            assert view.final == view.released == self.there == view.frames_done + view.frames_failed
            assert (view.state == "failed") == bool(view.frames_failed or view.reason)
            assert not self.ledger.unpublished()
            if self.gather and view.state == "done":
                assert len(view.outputs) == 1

    @invariant()
    def the_next_step_starts_once_and_only_as_its_condition_says(self) -> None:
        first, second = self.ledger.view(self.first), self.ledger.view(self.second)
        if second.state == "running":
            assert self.starts == 1
            assert first.state == "done" or self.on == "finish"
        if second.state == "skipped":
            assert first.state == "cancelled" or (self.on, first.state) == ("success", "failed")
        if second.state == "waiting":
            assert first.state in ("running", "gathering")

    def _release(self, cuts: list[Cut]) -> None:
        number = self.ledger.view(self.first).chunks
        self.ledger.release(self.first, cuts)
        self.chunks.update((number + place, "ready") for place in range(len(cuts)))

    def _outcome(self, work: Work, data: st.DataObject) -> Outcome:
        kind = data.draw(st.sampled_from(["done", "done", "bad", "disk", "died", "back"]))
        if kind == "done":
            return self._done(work)
        if kind == "back":
            return Returned(work.lease)
        return Failed(work.lease, CLASSES[kind], kind)

    def _done(self, work: Work) -> Outcome:
        outputs = [Staged("results", "staged", "/out")] if work.lease.chunk == GATHER else []
        return Done(work.lease, 0.1, file="there", outputs=outputs)

    def _model(self, outcome: Outcome) -> None:
        """What is to become of the chunk of a lease that holds."""
        chunk = outcome.lease.chunk
        if isinstance(outcome, Done):
            self.chunks[chunk] = "done"
        elif isinstance(outcome, Returned):
            self.chunks[chunk], self.not_before[chunk] = "ready", 0.0
        else:
            self.failures.setdefault(chunk, []).append(outcome.classes)
            pause = RETRIES.after(self.failures[chunk])
            self.chunks[chunk] = "failed" if pause is None else "ready"
            self.not_before[chunk] = self.now + (pause or 0.0)

    def _count(self, started: list[int]) -> None:
        self.starts += started.count(self.second)


LedgerMachine.TestCase.settings = hypothesis.settings(max_examples=40, stateful_step_count=25)
TestLedger = LedgerMachine.TestCase


class RedisLedgerMachine(LedgerMachine):
    """The same, and processes that are suspended, and go on when another one has taken over."""

    url = ""

    def opened(self) -> Ledger:
        return redis_ledger(self.url, self.folder.name)

    @rule()
    def suspended(self) -> None:
        before, step = self.ledger, self.first
        self._goes_on()
        with pytest.raises(LedgerError, match="another engine has taken over"):
            before.trouble(step, "who comes too late")
        before.close()


@pytest.fixture
def server() -> Iterator[str]:
    # The path of a socket is short.
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as server:
        yield server.url


@pytest.mark.long
def test_a_ledger_at_a_server_is_as_one_in_a_file(server: str) -> None:
    class Machine(RedisLedgerMachine):
        url = server

    run_state_machine_as_test(Machine, settings=hypothesis.settings(max_examples=40, stateful_step_count=35))

"""Works off rules: one thread that asks the ledger what to do, and an executor that does it.

Everything that has to outlive this process is in the ledger. What is here can be lost at any moment: which chunks are out, which
series are followed, who waits for what.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from beamloom.rules.engine.following import Followed, Follower
from beamloom.rules.engine.handle import PushedRule
from beamloom.rules.engine.lock import lock
from beamloom.rules.engine.publishing import publish
from beamloom.rules.errors import LedgerError, RuleRefused
from beamloom.rules.executors import Executor, LocalPool
from beamloom.rules.files import remove_folder
from beamloom.rules.ledger import ErrorGroup, Ledger, Settled, StepView
from beamloom.rules.spec import Coming, Lease, Link, Outcome, Part, Returned, StepSpec, Submission

TICK: Final = 0.1
"""Seconds between two looks at what needs one without anything having happened: time limits, retries."""
LOOK_AGAIN: Final = 0.5
"""Seconds after which who waits looks again, whatever was heard."""
log = logging.getLogger("beamloom.rules")


class RuleEngine:
    """Works off the rules of one folder; going on with what another process has left there. Use it in a ``with`` statement, or close it."""

    def __init__(
        self, folder: Path | str, executor: Executor | None = None, ledger: Callable[[], Ledger] | None = None
    ) -> None:
        """``executor``: by default a pool of processes, one for each core; ``ledger`` opens another one than that of the folder.

        Raises LedgerError.
        """
        self.folder = Path(folder).absolute()
        self._lock = lock(self.folder)
        try:
            self._ledger = Ledger(self.folder) if ledger is None else ledger()
        except BaseException:
            self._lock.close()
            raise
        self._executor: Executor = executor if executor is not None else LocalPool()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._untaken: list[Outcome] = []
        self._wake = threading.Event()
        self._changed = threading.Condition()
        self._changes = 0
        """Counts what those who wait were told."""
        self._turn = threading.RLock()
        """Held where followers, rules and what is out are changed."""
        self._followers: dict[int, Follower] = {}
        self._rules: dict[int, Followed] = {}
        self._out: dict[Lease, dict[str, float]] = {}
        self._closing = False
        self._trouble = ""
        self._missed = False
        """A turn of the thread was cut off."""
        self._thread = threading.Thread(target=self._work, name="rules-engine", daemon=True)
        try:
            self._begin()
        except BaseException:
            self._let_go()
            raise

    def _begin(self) -> None:
        self._executor.start(self._report)
        self._ledger.take_over()
        self._sweep()
        with self._turn:
            self._follow(self._ledger.running())
        self._thread.start()

    def _let_go(self) -> None:
        """Of an engine that could not begin: whoever tries again in this process finds nothing in the way."""
        self._closing = True
        for follower in self._followers.values():
            follower.stop()
            follower.join()
        self._executor.close()
        self._ledger.close()
        self._lock.close()

    def submit(
        self,
        specs: Sequence[StepSpec],
        links: Sequence[Link],
        paths: list[str],
        rules: Sequence[Followed] = (),
        submission: Submission | None = None,
    ) -> list[PushedRule]:
        """Take in steps that belong together. ``rules``: for each of them the object whose hooks are called in this process.

        What ``submission`` names with a key that is known was taken in before, and is not taken in again.

        Raises RuleRefused where a step needs more than the executor has.
        """
        for spec in specs:
            self._see_to_resources(spec)
        with self._turn:
            key = None if submission is None else submission.key
            if key is not None and (before := self._ledger.submitted(key)):
                return [PushedRule(self, step) for step in before]
            ids = self._ledger.submit(specs, links, paths, time.time(), submission)
            self._rules.update(zip(ids, rules, strict=False))
            self._follow(set(self._ledger.running()) & set(ids))
        self._notify()
        return [PushedRule(self, step) for step in ids]

    def rule(self, step: int) -> PushedRule:
        """A rule by its number, also of an earlier process. Raises KeyError."""
        self._ledger.view(step)
        return PushedRule(self, step)

    def rules(self) -> list[PushedRule]:
        """The latest thousand rules of this folder."""
        return [PushedRule(self, view.id) for view in self._ledger.views()]

    @property
    def ledger(self) -> Ledger:
        """The account that it keeps: for questions."""
        return self._ledger

    @property
    def trouble(self) -> str:
        """What is wrong with the engine or its executor; empty where nothing is."""
        return self._trouble

    def close(self) -> None:
        """Stop; what is under way goes on when the folder is opened again. May be called twice."""
        with self._turn:
            if self._closing:
                return
            self._closing = True
            followers = list(self._followers.values())
        for follower in followers:
            follower.stop()
        self._wake.set()
        self._thread.join()
        for follower in followers:
            follower.join()
        self._executor.close()
        with contextlib.suppress(LedgerError):
            self._take()
            self._ledger.take_over()
        self._ledger.close()
        self._lock.close()
        with self._changed:
            self._changed.notify_all()

    def __enter__(self) -> RuleEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What handles ask

    def view(self, step: int) -> StepView:
        """All that the ledger says of a step. Raises KeyError."""
        return self._ledger.view(step)

    def errors(self, step: int) -> list[ErrorGroup]:
        """What went wrong in a step."""
        return self._ledger.errors(step)

    def parts(self, step: int) -> list[Part]:
        """What the chunks of a step have left, in order; that of failed ones is not among it."""
        return self._ledger.parts(step)[0]

    def wait_until(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        """Whether ``condition`` came to hold in time. Raises RuleRefused when the engine is closed meanwhile."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            seen = self._changes
            # With the turn held nobody sees a step ended before it is tidied up, and the ledger is open as long as the engine is.
            with self._turn:
                if self._closing:
                    raise RuleRefused("the engine was closed; open its folder again and the rule goes on")
                if condition():
                    return True
            left = LOOK_AGAIN if deadline is None else min(LOOK_AGAIN, deadline - time.monotonic())
            if left <= 0:
                return False
            with self._changed:
                if seen == self._changes:
                    self._changed.wait(left)

    def cancel(self, step: int, reason: str) -> None:
        """End a step."""
        with self._turn:
            settled = self._ledger.cancel(step, reason, time.time())
            self._out = {lease: needs for lease, needs in self._out.items() if lease.step != step}
            self._executor.drop(step)
            self._set_going(settled)
        self._notify()

    def retry_failed(self, step: int) -> int:
        """Work off again what failed of a step."""
        chunks = self._ledger.retry_failed(step, time.time())
        self._notify()
        return chunks

    def prioritise(self, step: int, priority: int) -> None:
        """Higher comes first."""
        self._ledger.prioritise(step, priority)

    # The thread

    def _work(self) -> None:
        while not self._closing:
            try:
                self._follow_missed()
                trouble = self._executor.look()
                took = self._take()
                self._publish()
                gave = self._give()
            except Exception as error:  # noqa: BLE001 - a disk, an executor: nobody would see the end of this thread
                trouble, took, gave = _sentence(error), False, False
                self._missed = True
                # What was given back meanwhile is no reason to try again at once.
                self._wake.clear()
            self._tell(trouble)
            if took or gave:
                self._notify(wake=False)
            if not gave:
                self._wake.wait(TICK)
            self._wake.clear()

    def _take(self) -> bool:
        """Write down what came back. Raises LedgerError; nothing is forgotten then."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._untaken.append(self._outcomes.get_nowait())
        if not self._untaken:
            return False
        with self._turn:
            settled = self._ledger.take(self._untaken, time.time())
            # They are written down, and would be late if they were taken again.
            taken, self._untaken = self._untaken, []
            for outcome in taken:
                self._out.pop(outcome.lease, None)
            for file in settled.late:
                with contextlib.suppress(OSError):
                    Path(file).unlink()
            self._set_going(settled)
        return True

    def _publish(self) -> None:
        """Give files their names."""
        with self._turn:
            self._set_going(publish(self._ledger, time.time))

    def _give(self) -> bool:
        """Hand out chunks as far as there is room; whether there were any."""
        room = self._executor.room()
        given = 0
        if room <= 0:
            return False
        with self._turn:
            for step, needs in self._ledger.candidates():
                most = min(room - given, self._fits(needs))
                if most <= 0:
                    continue
                given += self._hand_out(step, needs, most)
        return given > 0

    def _hand_out(self, step: int, needs: dict[str, float], most: int) -> int:
        """Chunks of one step; how many. What cannot be handed out is given back."""
        claimed = deque(self._ledger.claim(step, most, time.time()))
        given = len(claimed)
        setup = None
        try:
            while claimed:
                setup = setup or self._ledger.setup(step)
                self._out[claimed[0].lease] = needs
                self._executor.submit(setup, claimed[0])
                claimed.popleft()
        finally:
            for work in claimed:
                self._report(Returned(work.lease))
        return given

    def _fits(self, needs: Mapping[str, float]) -> int:
        """How many chunks with these needs the executor can have beside what it has."""
        most = 1 << 30
        capacity = self._executor.capacity()
        for name, need in needs.items():
            if need > 0 and name in capacity:
                used = sum(taken.get(name, 0.0) for taken in self._out.values())
                # One chunk more than there are cores may wait in a queue: cpu 1 is what every chunk takes anyway.
                if name != "cpu" or need > 1:
                    most = min(most, int((capacity[name] - used) // need))
        return most

    def _see_to_resources(self, spec: StepSpec) -> None:
        if refusal := self._executor.refusal(spec.resources):
            raise RuleRefused(
                f"the rule {spec.name!r} needs {refusal}; ask for less, or use another executor"
            )

    def _set_going(self, settled: Settled) -> None:
        with self._turn:
            self._follow(settled.started)
        for step in settled.ended:
            self._executor.drop(step)
            view = self._ledger.view(step)
            if view.spec.work and view.state in ("done", "cancelled"):
                remove_folder(Path(view.spec.work))
        if settled.ended or settled.started:
            self._notify(wake=False)

    def _follow(self, steps: Sequence[int] | set[int]) -> None:
        """With the turn held."""
        self._followers = {step: one for step, one in self._followers.items() if not one.over}
        for step in steps:
            if step not in self._followers and not self._closing:
                rule = self._rules.get(step)
                self._expect(step)
                self._followers[step] = Follower(self._ledger, step, rule, time.time, self._followed)

    def _follow_missed(self) -> None:
        """What was set going by a turn that was cut off is followed from the next one on."""
        if self._missed:
            with self._turn:
                self._follow(self._ledger.running())
            self._missed = False

    def _expect(self, step: int) -> None:
        setup = self._ledger.setup(step)
        self._executor.expect(Coming(step, setup.spec.task, setup.spec.parameters, setup.paths))

    def _followed(self, settled: Settled) -> None:
        """A follower has released chunks, or found the end of a series."""
        self._set_going(settled)
        self._notify()

    def _sweep(self) -> None:
        """Folders that a process which was killed could not remove any more."""
        for view in self._ledger.views():
            if view.spec.work and view.state in ("done", "cancelled"):
                remove_folder(Path(view.spec.work))

    def _report(self, outcome: Outcome) -> None:
        self._outcomes.put(outcome)
        self._wake.set()

    def _notify(self, *, wake: bool = True) -> None:
        if wake:
            self._wake.set()
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.error("%s", trouble)
        self._trouble = trouble


def _sentence(error: Exception) -> str:
    if isinstance(error, LedgerError):
        return str(error)
    return f"no rules are worked off: {type(error).__name__}: {error}; it is tried again"

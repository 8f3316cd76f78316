"""One pushed rule, as people ask for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from beamloom.rules.errors import RuleFailed, RuleTimedOut
from beamloom.rules.ledger import ErrorGroup, StepView
from beamloom.rules.spec import ENDED


class Keeper(Protocol):
    """The engine, as far as a handle needs it."""

    def view(self, step: int) -> StepView: ...
    def errors(self, step: int) -> list[ErrorGroup]: ...
    def wait_until(self, condition: Callable[[], bool], timeout: float | None) -> bool: ...
    def cancel(self, step: int, reason: str) -> None: ...
    def retry_failed(self, step: int) -> int: ...
    def prioritise(self, step: int, priority: int) -> None: ...


class PushedRule:
    """A rule in a ledger."""

    def __init__(self, keeper: Keeper, step: int) -> None:
        self._keeper = keeper
        self.id = step
        """Its number in the ledger."""

    def view(self) -> StepView:
        """All that the ledger says of it."""
        return self._keeper.view(self.id)

    def status(self) -> dict[str, Any]:
        """How far it is; see ``describe``."""
        return describe(self.view(), self._keeper.errors(self.id), time.time())

    def wait(
        self, timeout: float | None = None, *, chain: bool = False, check: bool = True
    ) -> dict[str, Any]:
        """Wait for its end, with ``chain`` also for all that follow it; its status then.

        Raises RuleTimedOut after ``timeout`` seconds, and, unless ``check`` is false, RuleFailed where not all went well.
        """
        watched = self._chain() if chain else [self]
        if not self._keeper.wait_until(lambda: all(rule.ended for rule in watched), timeout):
            going = ", ".join(
                f"{rule.view().spec.name} is {rule.view().state}" for rule in watched if not rule.ended
            )
            raise RuleTimedOut(f"after {timeout:g} s {going}; it goes on, and status() tells how far it is")
        if check:
            for rule in watched:
                rule.check()
        return self.status()

    @property
    def ended(self) -> bool:
        """Nothing more is going to happen by itself."""
        return self.view().state in ENDED

    def check(self) -> None:
        """Raises RuleFailed where it has ended otherwise than well."""
        view = self.view()
        if view.state in ENDED - {"done"}:
            raise RuleFailed(_failure(view, self._keeper.errors(self.id)))

    def cancel(self, *, chain: bool = True) -> None:
        """End it, and with ``chain`` all that follow it."""
        for rule in self._chain() if chain else [self]:
            self._keeper.cancel(rule.id, "cancelled by its user")

    def retry_failed(self) -> int:
        """Work off again what failed; how many chunks. What was skipped because of it waits for it again."""
        return self._keeper.retry_failed(self.id)

    def prioritise(self, priority: int) -> None:
        """Higher comes first."""
        self._keeper.prioritise(self.id, priority)

    def _chain(self) -> list[PushedRule]:
        found = {self.id: self}
        todo = [self]
        while todo:
            for child in todo.pop().view().children:
                if child not in found:
                    found[child] = PushedRule(self._keeper, child)
                    todo.append(found[child])
        return list(found.values())


def describe(view: StepView, errors: list[ErrorGroup], now: float) -> dict[str, Any]:
    """The status of a rule as a dictionary. The keys with capital letters are those of PYME; a task is one frame there and here."""
    released, done, failed = view.released, view.frames_done, view.frames_failed
    until = view.finished or now
    elapsed = max(1e-9, until - view.started) if view.started else 0.0
    rate = done / elapsed if elapsed else 0.0
    left = None if view.final is None else view.final - done - failed
    ended = view.state in ENDED
    return {
        "ID": view.id,
        "run": view.run,
        "name": view.spec.name,
        "kind": view.spec.kind,
        "owner": view.spec.owner,
        "priority": view.priority,
        "state": view.state,
        "reason": view.reason,
        "trouble": view.trouble,
        "frames": {"released": released, "done": done, "failed": failed, "final": view.final},
        "chunks": {"released": view.chunks, "ready": view.ready, "leased": view.leased},
        "rate": rate,
        "eta": left / rate if left is not None and rate and not ended else None,
        "started": view.started,
        "elapsed": elapsed,
        "errors": [
            {
                "kind": one.kind,
                "message": one.message,
                "chunks": one.chunks,
                "given_up": one.final,
                "frames": one.frames,
                "traceback": one.traceback,
            }
            for one in errors
        ],
        "outputs": [{"key": one.key, "path": one.actual, "requested": one.requested} for one in view.outputs],
        "after": view.parents,
        "next": view.children,
        "finished": ended,
        "active": not ended,
        "tasksPosted": released,
        "tasksRunning": view.leased,
        "tasksCompleted": done,
        "tasksFailed": failed,
    }


def _failure(view: StepView, errors: list[ErrorGroup]) -> str:
    name = f"the rule {view.spec.name!r}"
    if view.state in ("skipped", "cancelled"):
        return f"{name} was {view.state}: {view.reason}"
    first = next((error for error in errors if error.final), None)
    what = f"; most of them: {first.kind}: {first.message}" if first else ""
    reason = f": {view.reason}" if view.reason else ""
    return f"{name} failed{reason}: {view.frames_failed} of {view.released} frames{what}; retry_failed() tries them again"

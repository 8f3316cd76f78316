"""What becomes of a chunk that did not come back, and of the steps after a step: decisions without any input or output.

An error that would come again is not tried again: by default only errors of the operating system are (a file server that was away), a
worker that died (it may have been killed by somebody), and a time limit that was exceeded. Each kind is counted by itself, so that a chunk
which ends workers is given up however often a disk was slow before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from beamloom.rules.errors import RuleRefused

DIED: Final = "worker died"
TIMED_OUT: Final = "time limit"


class Retries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a chunk is tried again after its first attempt."""

    errors: dict[str, int] = msgspec.field(default_factory=lambda: {"OSError": 2})
    """By the name of an exception class or of one of its bases; the first class in the order of inheritance decides."""
    others: int = 0
    """After any other exception."""
    deaths: int = 1
    """After the worker that had it died."""
    timeouts: int = 1
    """After it took longer than the step's time limit."""
    backoff: float = 0.5
    """Seconds before it is tried again; doubled each time."""

    def after(self, kinds: Sequence[Sequence[str]]) -> float | None:
        """Seconds until the next attempt, or None where there is to be none.

        ``kinds`` has one entry for each attempt that failed, the last one last: the names of the exception's classes, or DIED, or
        TIMED_OUT.
        """
        group = self._group(kinds[-1])
        before = sum(self._group(kind) == group for kind in kinds)
        if before > self._allowed(group):
            return None
        return float(self.backoff * 2 ** (before - 1))

    def _group(self, classes: Sequence[str]) -> str:
        if classes[0] in (DIED, TIMED_OUT):
            return classes[0]
        return next((name for name in classes if name in self.errors), "")

    def _allowed(self, group: str) -> int:
        return {DIED: self.deaths, TIMED_OUT: self.timeouts, "": self.others}.get(
            group, self.errors.get(group, 0)
        )


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has to hold of a step at its end, so that the next one starts."""

    on: Literal["success", "finish"] = "success"
    """``success``: nothing failed, or not more than allowed; ``finish``: whatever failed."""
    at_most_failed: float = 0.0
    """The share of failed frames (0 to 1) that still counts as success."""

    def objection(self, state: str, frames: int, failed: int) -> str:
        """Why a step that ended in ``state`` with ``failed`` of ``frames`` does not start the next; empty where it does."""
        if state in ("cancelled", "skipped"):
            return f"the step before was {state}"
        if self.on == "finish" or state == "done":
            return ""
        if not failed:
            return "the step before failed"
        if failed <= self.at_most_failed * frames:
            return ""
        return f"{failed} of {frames} frames of the step before failed, and at most {self.at_most_failed:.3g} of them may"


def condition(on: str | float | Condition) -> Condition:
    """The condition that a user means: ``"success"``, ``"finish"``, or the share of frames that may fail (0.05: five percent)."""
    if isinstance(on, Condition):
        return on
    if isinstance(on, bool) or not isinstance(on, str | int | float):
        raise RuleRefused(
            f"a chain goes on 'success', on 'finish' or on a share of failed frames, not {on!r}"
        )
    if isinstance(on, str):
        if on not in ("success", "finish"):
            raise RuleRefused(
                f"a chain goes on 'success', on 'finish' or on a share of failed frames, not {on!r}"
            )
        return Condition(on=on)  # type: ignore[arg-type]
    if not 0 <= on <= 1:
        raise RuleRefused(f"the share of frames that may fail is between 0 and 1, not {on!r}")
    return Condition(at_most_failed=float(on))


def all_hold(objections: Iterable[str]) -> str:
    """Of several steps before one: the first objection, or none."""
    return next((objection for objection in objections if objection), "")

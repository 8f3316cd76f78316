"""How many events of a run may fail before it counts as degraded, or is stopped.

Invariant: a run that has become degraded stays so. Only failed events count, not lost ones: the budget is for the analysis, and what
devices lose is told elsewhere.
"""

from __future__ import annotations

import re

import msgspec

LEAST_SETTLED = 100
"""Of a run whose end is open, a share is only judged when so many events are settled."""
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*")


class Budget(msgspec.Struct, frozen=True):
    """The budget of a run; without ``count`` and ``share`` there is none."""

    count: int | None = None
    """More failed events than this are too many."""
    share: float | None = None
    """A larger part of all events than this, from 0 to 1, is too much."""
    stop: bool = False
    """Whether the run is stopped then."""

    @classmethod
    def of(cls, max_failed: int | str | None, *, stop: bool = False) -> Budget:
        """As people write it: a number of events, or a share such as ``5%``. Raises ValueError with a sentence."""
        if max_failed is None or max_failed == "":
            return cls(stop=stop)
        found = _WRITTEN.fullmatch(str(max_failed))
        if found is None:
            raise ValueError(
                f"max_failed is {max_failed!r}; it is a number of events such as 20, or a share of them such as 5%"
            )
        number, percent = found.groups()
        if percent:
            if float(number) > 100:
                raise ValueError(
                    f"max_failed is {max_failed!r}, which is more than all events: 100% is the most"
                )
            return cls(share=float(number) / 100, stop=stop)
        if "." in number:
            raise ValueError(f"max_failed is {max_failed!r}; a number of events is whole, a share ends in %")
        return cls(count=int(number), stop=stop)

    def __bool__(self) -> bool:
        return self.count is not None or self.share is not None

    def spent(self, failed: int, settled: int, total: int | None) -> bool:
        """Whether too many have failed: ``failed`` of ``settled`` events, of ``total`` in all (None: nobody knows yet)."""
        if self.count is not None and failed > self.count:
            return True
        if self.share is None or (total is None and settled < LEAST_SETTLED):
            return False
        return failed > self.share * (settled if total is None else total)

    def __str__(self) -> str:
        if self.count is not None:
            return str(self.count)
        return "none" if self.share is None else f"{100 * self.share:g}%"

    def sentence(self, failed: int, settled: int) -> str:
        """Why the run is degraded."""
        what = "the run was stopped for that" if self.stop else "the run goes on"
        return f"{failed} of {settled} settled events have failed, more than max_failed ({self}); {what}: look at /api/v1/errors"

"""Which events are in a result, which are not, and why: what one sentence and a few ranges can say of it.

Invariant: every event of the run is in exactly one of reduced, failed, lost and pending, at any moment.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from beamloom.engine.accounts.ledger import Ledger, Loss
from beamloom.engine.ranges import Range, RangeSet

RANGES_IN_TEXT = 1000
"""Most ranges that are written as text; what is beyond them is only counted."""
CAUSES_IN_SENTENCE = 3


@dataclass(frozen=True)
class Coverage:
    """The account of a result at one version. The sets are not to be changed."""

    run: str | None
    total: int | None
    """Events of the run; None until an open-ended run is closed."""
    reduced: RangeSet = field(default_factory=RangeSet)
    """The events that are in."""
    failed: RangeSet = field(default_factory=RangeSet)
    lost: RangeSet = field(default_factory=RangeSet)
    losses: tuple[Loss, ...] = ()
    """The lost events with their causes."""
    partly: RangeSet = field(default_factory=RangeSet)
    """Events that are not in, though a part of them is: one of their several deliveries."""
    over: bool = False
    """Whether the run has ended, so that nothing more will come in."""

    @classmethod
    def of(cls, run: str, ledger: Ledger, *, over: bool) -> Coverage:
        """What a ledger says now."""
        return cls(
            run,
            ledger.total,
            ledger.reduced.copy(),
            ledger.failed.copy(),
            ledger.lost.copy(),
            tuple(ledger.losses),
            over=over,
        )

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Coverage:
        """What ``to_json`` has written. Raises KeyError, TypeError or ValueError for anything else."""
        losses = tuple(
            Loss(first, last + 1, cause)
            for (first, last), cause in ((one["events"], one["cause"]) for one in content["lost"])
        )
        reduced, failed, partly = (_of_pairs(content[name]) for name in ("reduced", "failed", "partly"))
        lost = RangeSet((loss.first, loss.stop) for loss in losses)
        return cls(
            content["run"], content["total_events"], reduced, failed, lost, losses, partly, content["over"]
        )

    @property
    def end(self) -> int:
        """One past the last event of the run, or, while that is open-ended, past the last one that something is known of."""
        if self.total is not None:
            return self.total
        sets = (self.reduced, self.failed, self.lost, self.partly)
        return max((stop for events in sets for _, stop in events), default=0)

    @property
    def pending(self) -> RangeSet:
        """The events whose end is not known yet."""
        known = self.reduced.copy()
        for first, stop in itertools.chain(self.failed, self.lost):
            known.add(first, stop)
        return RangeSet(known.missing(0, self.end))

    @property
    def complete(self) -> bool:
        """Whether every event of the run is in the result."""
        return self.run is not None and self.total is not None and len(self.reduced) == self.total

    @property
    def counts(self) -> dict[str, int | None]:
        """How many events are in each state; None for those that are pending in a run without an end."""
        reduced, failed, lost = len(self.reduced), len(self.failed), len(self.lost)
        pending = None if self.total is None else self.total - reduced - failed - lost
        return {"reduced": reduced, "pending": pending, "failed": failed, "lost": lost}

    @property
    def text(self) -> str:
        """The events that are in, as ``0-99,101-499``."""
        return ranges_text(self.reduced)

    @property
    def sentence(self) -> str:
        """The answer to "is this map complete?"."""
        if self.run is None:
            return "There was no run yet."
        if self.complete:
            return f"Complete: {_all(self.total or 0)} in the result."
        of_all = (
            f"{len(self.reduced)} of {self.total} events" if self.total is not None else _events(self.reduced)
        )
        parts = [f"{of_all} {'is' if of_all == '1 event' else 'are'} in the result"]
        if pending := len(self.pending):
            parts.append(f"{pending} {_is_are(pending)} still to come")
        if self.failed:
            parts.append(f"{len(self.failed)} failed ({ranges_text(self.failed, 5)})")
        if self.lost:
            parts.append(f"{len(self.lost)} {_is_are(len(self.lost))} lost ({'; '.join(self._causes())})")
        if self.total is None:
            verdict = "It has no end yet"
        else:
            verdict = "Not complete yet" if pending else "Not complete"
        return f"{verdict}: {', '.join(parts)}."

    def _causes(self) -> list[str]:
        causes = losses_by_cause(self.losses)
        told = [f"{ranges_text(events, 5)}: {cause}" for cause, events in causes[:CAUSES_IN_SENTENCE]]
        more = len(causes) - len(told)
        return [*told, f"and {more} more {'cause' if more == 1 else 'causes'}"] if more else told

    def to_json(self) -> dict[str, Any]:
        """For clients; ranges are ``[first, last]``, both inclusive."""
        pending = self.pending
        return {
            "run": self.run,
            "complete": self.complete,
            "over": self.over,
            "sentence": self.sentence,
            "total_events": self.total,
            "counts": self.counts,
            "reduced": as_pairs(self.reduced),
            "pending": as_pairs(pending),
            "failed": as_pairs(self.failed),
            "lost": [{"events": [loss.first, loss.stop - 1], "cause": loss.cause} for loss in self.losses],
            "partly": as_pairs(self.partly),
        }


NOTHING = Coverage(None, 0)
"""Before the first run."""


def as_pairs(events: Iterable[Range]) -> list[list[int]]:
    """Ranges as [first, last], both inclusive."""
    return [[first, stop - 1] for first, stop in events]


def _of_pairs(pairs: Iterable[tuple[int, int]]) -> RangeSet:
    return RangeSet((first, last + 1) for first, last in pairs)


def ranges_text(events: RangeSet, limit: int = RANGES_IN_TEXT) -> str:
    """Ranges as ``3,7-12``; what is beyond ``limit`` ranges is only counted."""
    ranges = list(itertools.islice(events, limit))
    texts = [str(first) if stop == first + 1 else f"{first}-{stop - 1}" for first, stop in ranges]
    left = len(events) - sum(stop - first for first, stop in ranges)
    return ",".join(texts) + (f" and {left} more" if left else "")


def losses_by_cause(losses: Iterable[Loss]) -> list[tuple[str, RangeSet]]:
    """The lost events, by cause, in the order in which the causes came up."""
    causes: dict[str, RangeSet] = {}
    for loss in losses:
        causes.setdefault(loss.cause, RangeSet()).add(loss.first, loss.stop)
    return list(causes.items())


def _is_are(count: int) -> str:
    return "is" if count == 1 else "are"


def _events(events: RangeSet) -> str:
    return "1 event" if len(events) == 1 else f"{len(events)} events"


def _all(total: int) -> str:
    return {0: "the run has no events, and none is", 1: "the one event is"}.get(
        total, f"all {total} events are"
    )

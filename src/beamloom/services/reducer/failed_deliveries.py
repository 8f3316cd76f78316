"""The deliveries for which the reduce failed, so that whoever asks about one again is told again.

Policy: which ones they are is remembered for the whole run, in ranges. Of why, there are the latest reports; where a report is not there
any more, that is said instead. A delivery that comes a second time is told as failed by whoever sends it now: it was leased again because
its first report was not heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping

from beamloom.engine.accounts.faults import Failure
from beamloom.engine.ranges import Range, RangeSet
from beamloom.transport.messages import Failed

REPORTS_KEPT = 4096
"""So many of the latest failures are told again to a new controller, and by the next life of the reducer."""
NOT_KEPT = Failure(
    "process_result",
    "FailedBefore",
    "the reduce failed for this event before, and what it failed with is not kept any more; the log of the reducer says it",
)


class FailedDeliveries:
    """Those of one run."""

    def __init__(self) -> None:
        self.reports: deque[Failed] = deque(maxlen=REPORTS_KEPT)
        """The latest ones: a new controller, or that of a former life, may not have heard of them."""
        self._failed: dict[int, RangeSet] = {}

    def add(self, failed: Failed) -> None:
        """The reduce has failed for this."""
        if failed.event is None:
            return
        self.reports.append(failed)
        events = self._failed.setdefault(failed.slot, RangeSet())
        for first, stop in failed.combined or [(failed.event, failed.event + 1)]:
            events.add(first, stop)

    def restore(self, failed: Mapping[int, Iterable[Range]], reports: Iterable[Failed]) -> None:
        """Go on from what a former life knew."""
        self._failed = {slot: RangeSet(events) for slot, events in failed.items()}
        self.reports.extend(reports)

    @property
    def by_slot(self) -> dict[int, list[Range]]:
        """The events of the deliveries, by slot."""
        return {slot: list(events) for slot, events in self._failed.items()}

    def others(self, slot: int, first: int, stop: int) -> list[Range]:
        """Of these deliveries those for which the reduce did not fail."""
        failed = self._failed.get(slot)
        return [(first, stop)] if failed is None else failed.missing(first, stop)

    def again(self, run: str, worker: str, slot: int, events: Collection[Range]) -> list[Failed]:
        """What is to be told of those among these deliveries that failed, now that ``worker`` has sent them again."""
        known = self._failed.get(slot)
        left = (
            RangeSet() if known is None else RangeSet(part for one in events for part in known.within(*one))
        )
        told: list[Failed] = []
        for report in reversed(self.reports):
            if not left:
                break
            if report.slot != slot or report.event is None:
                continue
            covered = report.combined or [(report.event, report.event + 1)]
            if parts := [part for one in covered for part in left.within(*one)]:
                told.append(_again(run, worker, slot, parts, report.failure))
                for first, stop in parts:
                    left.remove(first, stop)
        if left:
            told.append(_again(run, worker, slot, list(left), NOT_KEPT))
        return told


def _again(run: str, worker: str, slot: int, events: list[Range], failure: Failure) -> Failed:
    """A report of consecutive events or of one."""
    last = events[-1][1] - 1
    return Failed(run, worker, slot, last, failure, [] if events == [(last, last + 1)] else events)

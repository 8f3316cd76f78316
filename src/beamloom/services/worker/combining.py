"""Results of several events merged into one before they are sent.

Policy: what a worker has merged is sent when it stands for as many events as are still before the worker, so that new work is leased
while the other half is worked off; at the latest when it stands for 64 events, so that whoever looks for the event that killed a worker
finds it among the first that were held; and at the latest 20 ms after the first of them, the look-ahead time of the scheduler. Only
results of the same slot and parameter epoch are merged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from beamloom.engine.feedback import Spoken
from beamloom.engine.ranges import Range, RangeSet
from beamloom.results.types.merging import check_merge, check_payload, merge_checked
from beamloom.services.shell.raised import RAISED

MOST_EVENTS = 64
MOST_SECONDS = 0.02

_WHOLE = ""
"""The name under which a result is held, as only results by name are merged."""


class BrokenPartial(Exception):
    """Merging failed half-way, so that what was merged before cannot be used either."""

    def __init__(self, events: list[Range], cause: BaseException) -> None:
        super().__init__(f"merging failed for {len(events)} events")
        self.events = events
        self.cause = cause


@dataclass
class Partial:
    """One result that stands for some events."""

    slot: int
    epoch: int
    events: RangeSet
    held: dict[str, Any]
    spoken: list[Spoken] = field(default_factory=list)
    """What the map has said with these events."""

    @property
    def payload(self) -> Any:
        """The merged result."""
        return self.held[_WHOLE]


class Combiner:
    """Merges the results of consecutive deliveries."""

    def __init__(self) -> None:
        self._partials: dict[tuple[int, int], Partial] = {}
        self._since = 0.0
        self.held = 0
        """How many events wait to be sent."""

    def add(
        self, slot: int, event: int, epoch: int, payload: Any, now: float, spoken: list[Spoken] | None = None
    ) -> None:
        """One more delivery is done; ``spoken``: what the map has said with it.

        Raises TypeError or ValueError where its result does not merge: then the others are as before. Raises BrokenPartial where
        merging itself failed.
        """
        new = {_WHOLE: payload}
        partial = self._partials.get((slot, epoch))
        if partial is None:
            check_payload(payload)
            partial = self._partials[slot, epoch] = Partial(slot, epoch, RangeSet(), new)
        else:
            check_merge(partial.held, new)
            try:
                merge_checked(partial.held, new)
            except RAISED as error:
                del self._partials[slot, epoch]
                self.held -= len(partial.events)
                partial.events.add(event, event + 1)
                raise BrokenPartial(list(partial.events), error) from error
        if not self.held:
            self._since = now
        partial.events.add(event, event + 1)
        partial.spoken += spoken or []
        self.held += 1

    def deliveries(self) -> Iterator[tuple[int, int, int]]:
        """Slot, first event and one past the last of what waits to be sent."""
        for partial in self._partials.values():
            for first, stop in partial.events:
                yield partial.slot, first, stop

    def wait(self, now: float) -> float:
        """Seconds until what is held is to be sent; 1 when nothing is."""
        return max(0.0, self._since + MOST_SECONDS - now) if self.held else 1.0

    def take(self, now: float, ahead: int) -> list[Partial]:
        """What is to be sent now, if it is time; ``ahead``: the deliveries that are still before this worker."""
        if not self.held or (self.held < min(ahead, MOST_EVENTS) and self.wait(now) > 0):
            return []
        partials = list(self._partials.values())
        self._partials.clear()
        self.held = 0
        return partials

"""What came of the events of one run on its way out of a worker.

Policy: results are sent in batches, at the latest when a turn of the worker is over, and kept until the reducer has taken them. Those of a
class that combines are merged before, which delays them by 20 ms at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from beamloom.engine.assembling.ready import ReadyRun
from beamloom.engine.feedback import Spoken
from beamloom.services.shell.raised import RAISED, pass_interrupt
from beamloom.services.worker.combining import MOST_EVENTS, BrokenPartial, Combiner
from beamloom.services.worker.failures import WorkerFailures
from beamloom.services.worker.outbox import NOTHING_SPOKEN, Large, Outbox, SpokenWith
from beamloom.transport.codec import Encoder


class Outgoing:
    """Results, encoded or still to be merged."""

    def __init__(self, outbox: Outbox, encoder: Encoder, failures: WorkerFailures, *, combines: bool) -> None:
        self.outbox = outbox
        self.combiner = Combiner()
        """Merges where ``combines``; else it holds nothing."""
        self.combines = combines
        """Whether results are to be merged before they are encoded."""
        self.encoder = encoder
        """Encodes results, those that are not merged as soon as they are there."""
        self._failures = failures

    def add(
        self,
        run: ReadyRun,
        first: int,
        heads: list[bytes],
        large: Large,
        spoken: SpokenWith = NOTHING_SPOKEN,
    ) -> None:
        """The map is through with the events of ``run`` from ``first`` on; these are their results, as they were encoded.

        ``spoken``: what it has said with them.
        """
        if heads:
            self.outbox.add(run.slot, first, run.epoch, heads, large, spoken)

    def merge(self, run: ReadyRun, event: int, payload: Any, now: float, spoken: list[Spoken]) -> None:
        """The map returned ``payload`` for this event, which may be merged. Raises what merging raises: then the event failed."""
        if payload is None:
            self.outbox.add(run.slot, event, run.epoch, [b""], spoken={0: spoken} if spoken else {})
            return
        try:
            self.combiner.add(run.slot, event, run.epoch, payload, now, spoken)
        except BrokenPartial as broken:
            self._failures.of_merged(broken.events, event, run.slot, broken.cause)

    def send(self, ahead: int, now: float) -> None:
        """Send what is to be sent now; ``ahead``: the deliveries that are still before this worker."""
        for partial in self.combiner.take(now, ahead):
            events = list(partial.events)
            try:
                # What is merged belongs to nobody else any more and needs no copy.
                encoded = self.encoder.encode(partial.payload)
            except RAISED as error:
                pass_interrupt(error)
                self._failures.of_merged(events, events[-1][1] - 1, partial.slot, error)
            else:
                self.outbox.add_combined(partial.slot, events, partial.epoch, encoded, partial.spoken)
        self.outbox.flush(ahead)

    @property
    def pending(self) -> bool:
        """Whether there is anything that the reducer has not taken."""
        return bool(self.combiner.held or self.outbox.unacknowledged)

    def room(self, most: int) -> int:
        """How many events may be processed before anything is sent, if ``most`` may where nothing is merged."""
        return MOST_EVENTS - self.combiner.held if self.combines else most

    def deliveries(self) -> Iterator[tuple[int, int, int]]:
        """Slot, first event and one past the last of all that is here."""
        yield from self.combiner.deliveries()
        yield from self.outbox.deliveries()

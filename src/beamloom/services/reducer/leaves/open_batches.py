"""Batches of results that have come and are not reduced yet, and what of them is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from beamloom.engine.accounts.collector import Collector
from beamloom.engine.ranges import Range, RangeSet
from beamloom.services.reducer.acknowledging import Delivered
from beamloom.services.reducer.leaves.messages import Took
from beamloom.transport.messages import Results


class Deliveries:
    """Deliveries, as slot, first event and one past the last."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, int, int]] = []

    def add(self, slot: int, ranges: Iterable[Range]) -> None:
        """These events of a slot, too."""
        self.parts += [(slot, first, stop) for first, stop in ranges]

    def without(self, others: Deliveries) -> list[tuple[int, int, int]]:
        """Those that are not among ``others``."""
        return [
            (slot, a, b) for slot, first, stop in self.parts for a, b in others._of(slot).missing(first, stop)
        ]

    def overlap(self, others: Deliveries) -> bool:
        """Whether some are among ``others``."""
        return any(others._of(slot).within(first, stop) for slot, first, stop in self.parts)

    def _of(self, slot: int) -> RangeSet:
        return RangeSet((first, stop) for of, first, stop in self.parts if of == slot)


@dataclass(eq=False)
class OpenBatch:
    """A batch that is not reduced yet."""

    worker: str
    results: Results
    buffers: Sequence[Any]
    then: Callable[[list[Delivered]], None]
    """To be told which deliveries of it are in the result."""
    new: Deliveries
    again: Deliveries
    """Those that were taken before, be it in the same batch."""
    shares: list[Took | None] | None = None
    """What became of each share; None before they are handed out."""

    @property
    def reduced(self) -> bool:
        """Whether all of it is."""
        return self.shares is not None and None not in self.shares

    @property
    def known(self) -> list[tuple[int, int, int]]:
        """Those that were taken before the batch came."""
        return self.again.without(self.new)

    @property
    def may_be_cut(self) -> bool:
        """Whether it has no delivery twice, of which only one leaf would know."""
        return not self.again.overlap(self.new)


def enter(collector: Collector, worker: str, results: Results) -> tuple[Deliveries, Deliveries]:
    """The deliveries of a batch that are new, and those that were taken before; all count as taken from now on.

    Both are empty where nothing is taken of this worker.
    """
    new, again = Deliveries(), Deliveries()
    admitted, place = collector.admits(worker), 0
    for slot, _, first, stop in results.spans:
        merged = results.combined[place : place + stop - first] if results.combined else []
        place += stop - first
        if not admitted or not any(merged):
            fresh = collector.take(worker, slot, first, stop)
            if admitted:
                new.add(slot, fresh)
                again.add(slot, RangeSet(fresh).missing(first, stop))
            continue
        for event, events in enumerate(merged, first):
            together = events or [(event, event + 1)]
            taken, gone = collector.take_together(worker, slot, together)
            fresh = list(together) if taken else gone
            new.add(slot, fresh)
            again.add(slot, [part for one in together for part in RangeSet(fresh).missing(*one)])
    return new, again

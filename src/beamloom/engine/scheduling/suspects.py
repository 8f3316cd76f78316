"""Which deliveries may have killed a worker.

The first deliveries that a dead worker held are suspects, as a worker sends its results at least that often. Each is then held alone: a
further death points at one event, which is poison when it has cost two workers. Whoever processes a suspect well acquits it.
"""

from __future__ import annotations

from collections.abc import Iterable

DEATHS_OF_POISON = 2
SUSPECTS_PER_DEATH = 256
"""A worker sends its results at least this often (in events), so the event that killed it is among the first it held."""

Delivery = tuple[int, int]
"""Event and slot."""


class Suspects:
    """The deliveries that are under suspicion, each with how many workers it has cost so far."""

    def __init__(self) -> None:
        self._deaths: dict[Delivery, int] = {}
        self._deaths_of_start = 0

    def suspect(self, held: Iterable[tuple[int, int, int]]) -> None:
        """A worker died that held these deliveries: first event, slot, one past the last event; in the order of events."""
        left = SUSPECTS_PER_DEATH
        for first, slot, stop in held:
            stop = min(stop, first + left)
            left -= stop - first
            for event in range(first, stop):
                self._deaths.setdefault((event, slot), 1)

    def convict(self, delivery: Delivery) -> bool:
        """A worker died that held this suspect alone: whether its event is poison."""
        self._deaths[delivery] += 1
        return self._deaths[delivery] >= DEATHS_OF_POISON

    def joins_start(self, slot: int) -> bool:
        """A worker came late and gets the start event under ``slot``: whether it is under suspicion."""
        deaths = max((count for (event, _), count in self._deaths.items() if event == 0), default=0)
        deaths = max(deaths, self._deaths_of_start)
        if deaths:
            self._deaths[0, slot] = deaths
        return deaths > 0

    def void(self, delivery: Delivery) -> None:
        """The delivery is not needed any more. That the start event may kill is remembered for those who come late."""
        deaths = self._deaths.pop(delivery, 0)
        if delivery[0] == 0:
            self._deaths_of_start = max(self._deaths_of_start, deaths)

    def acquit(self, slot: int, first: int, stop: int) -> None:
        """These deliveries have been processed, well or not."""
        if first == 0:
            self._deaths_of_start = 0
        if self._deaths:
            for event in range(first, stop):
                self._deaths.pop((event, slot), None)

    def drop(self, first: int, stop: int) -> None:
        """[first, stop) are settled some other way."""
        for delivery in [delivery for delivery in self._deaths if first <= delivery[0] < stop]:
            del self._deaths[delivery]

    def __contains__(self, delivery: object) -> bool:
        return delivery in self._deaths

    def __len__(self) -> int:
        return len(self._deaths)

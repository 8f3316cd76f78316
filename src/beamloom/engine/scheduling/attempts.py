"""How often each delivery has been leased.

Invariant: a delivery that is leased once more has a higher number than before, so that packets which are still on their way under the
former one are not taken for those of the new one.
"""

from __future__ import annotations


class Attempts:
    """The numbers of the deliveries (event, slot) that are not finished."""

    def __init__(self) -> None:
        self._again: dict[tuple[int, int], int] = {}
        self._cut_at: int | None = None
        self._behind_cut = 1

    def first(self, event: int) -> int:
        """The number of a first lease. Events that were leased ahead and then cut off are leased again as other events."""
        return 1 if self._cut_at is None or event < self._cut_at else self._behind_cut

    def of(self, event: int, slot: int) -> int:
        """The number of the latest lease."""
        return self._again.get((event, slot), self.first(event))

    def another(self, slot: int, first: int, stop: int) -> None:
        """The deliveries of [first, stop) are going to be leased once more."""
        for event in range(first, stop):
            self._again[event, slot] = self.of(event, slot) + 1

    def forget(self, slot: int, first: int, stop: int) -> None:
        """These deliveries are finished, or not needed any more."""
        if self._again:
            for event in range(first, stop):
                self._again.pop((event, slot), None)

    def drop(self, first: int, stop: int) -> None:
        """[first, stop) are settled, whatever their slots."""
        for key in [key for key in self._again if first <= key[0] < stop]:
            del self._again[key]

    def cut(self, event: int, highest: int = 1) -> None:
        """From ``event`` on the run goes on with other events. ``highest``: how many lives it may have had (engine/scheduling/lives.py)."""
        before = [attempt for (leased, _), attempt in self._again.items() if leased >= event]
        self._behind_cut = max(before, default=1) + highest
        self._cut_at = event

    @property
    def cut_at(self) -> tuple[int, int] | None:
        """From which event on the run went on with others, and the number of their first lease; None: it never did."""
        return None if self._cut_at is None else (self._cut_at, self._behind_cut)

    @property
    def was_cut(self) -> bool:
        """Whether events may have been leased that are not the run's."""
        return self._cut_at is not None

    def __len__(self) -> int:
        return len(self._again)

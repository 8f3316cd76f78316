"""Which worker each constraint is bound to, for the part instances that are open.

Invariant: a constraint is bound to one worker within its part instance, until that worker is gone. What is kept does not grow with the
run: an instance is opened when the first of its events is given out, and forgotten when all of them are settled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from beamloom.engine.scheduling.life import Life
from beamloom.triggermap import CompiledPart, Instance


@dataclass(slots=True)
class Binding:
    """One part instance that has been opened: which worker each of its constraints is bound to."""

    first: int
    stop: int
    part: CompiledPart
    bound: npt.NDArray[np.int32]
    """int32[groups of the part]: the worker's index; -1 where the constraint is free."""
    unsettled: npt.NDArray[np.int64] | None = None
    """int64[groups of the part]: how many events of each constraint are not settled; None where nobody counts."""
    lives: dict[int, Life] = field(default_factory=dict)
    """By group, which worker has the state of a constraint; empty where events do not depend on each other."""


class Upcoming:
    """The instances that are still to be opened: those that were planned, and from a cut on others."""

    def __init__(self, planned: Iterator[Instance]) -> None:
        self._planned: Iterator[Instance] | None = planned
        self._cut_at: int | None = None
        self._others: deque[Instance] = deque()

    def cut(self, event: int, instances: Iterable[Instance]) -> None:
        """From ``event`` on there are other instances."""
        self._cut_at = event
        self._others = deque(instances)

    def take(self) -> Instance | None:
        """The next one; None behind the last. One that is cut in the middle comes whole."""
        planned = None if self._planned is None else next(self._planned, None)
        if planned is not None and (self._cut_at is None or planned.first < self._cut_at):
            return planned
        self._planned = None
        return self._others.popleft() if self._others else None


class Bindings:
    """The open part instances of a run, in order."""

    def __init__(self, instances: Iterator[Instance]) -> None:
        self._upcoming = Upcoming(instances)
        self._open: deque[Binding] = deque()
        self._cut_at: int | None = None

    def reach(self, event: int) -> Binding | None:
        """The instance that ``event`` is in, which is opened if it is the next one; None behind the last event."""
        while not self._open or event >= self._open[-1].stop:
            instance = self._upcoming.take()
            if instance is None:
                return None
            stop = instance.first + instance.part.length
            if self._cut_at is not None and instance.first < self._cut_at:
                stop = min(stop, self._cut_at)
            bound = np.full(instance.part.group_count, -1, np.int32)
            self._open.append(Binding(instance.first, stop, instance.part, bound))
        return self._open[-1]

    def of(self, event: int) -> Binding:
        """The open instance of an event that has been given out; raises LookupError for any other."""
        for binding in self._open:
            if event < binding.stop:
                return binding
        raise LookupError(f"event {event} has not been given out")

    def find(self, event: int) -> Binding | None:
        """The open instance of an event; None when there is none, or none any more."""
        return next((one for one in self._open if one.first <= event < one.stop), None)

    def unbind(self, index: int) -> None:
        """The worker of this index is gone: its constraints are free."""
        for binding in self._open:
            binding.bound[binding.bound == index] = -1

    def cut(self, event: int, instances: Iterable[Instance]) -> None:
        """From ``event`` on the run goes on with other instances; up to there with those that were planned."""
        self._cut_at = event
        while self._open and self._open[-1].first >= event:
            self._open.pop()
        if self._open:
            self._open[-1].stop = min(self._open[-1].stop, event)
        self._upcoming.cut(event, instances)

    def forget(self, until: int) -> None:
        """Every event before ``until`` is settled: instances behind it are no longer needed."""
        while len(self._open) > 1 and self._open[0].stop <= until:
            self._open.popleft()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Binding]:
        return iter(self._open)

"""What of a constraint's past is kept, so that another worker can work through it again.

Policy: the packets of a settled event are kept until each constraint that it belongs to is complete, that is, until all events of the
constraint are settled. Until then an ingester may give them up where it has no room. An event that was lost, or killed those who worked
on it, is no part of any state: its packets are not kept and it is not worked through again. One that failed is: it may have changed the
state before it did.

Invariant: what is kept is bounded by the constraints that are under way; events without a constraint are let go as they are settled.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt

from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.scheduling.bindings import Binding, Bindings
from beamloom.triggermap import MIXED


class Settled(msgspec.Struct):
    """What follows for the packets when events are settled."""

    release: RangeSet
    """Nobody needs them any more."""
    spare: RangeSet
    """They are kept for a replay, and may be given up."""
    complete: list[tuple[Binding, int]]
    """Constraints, by part instance and group, all of whose events are settled."""


class Pasts:
    """The settled events of the constraints that are under way."""

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._ahead = RangeSet()
        """Settled before they were given out."""
        self._counted = RangeSet()
        """Settled and looked at: the start event may be taken away when it has been reduced long since."""
        self._kept = RangeSet()
        self._without = RangeSet()
        self._gone = RangeSet()
        self._causes: list[tuple[Range, str]] = []
        self._cut_short: list[tuple[Binding, int]] = []

    # ---- events are settled ---------------------------------------------------------------------------------------------

    def leave_out(self, first: int, stop: int) -> None:
        """[first, stop) are no part of any state."""
        self._without.add(first, stop)

    def settle(self, settled: Iterable[Range], lost: RangeSet, cursor: int) -> Settled:
        """These events are settled, those of ``lost`` because they are lost; ``cursor`` is the next event to be given out."""
        result = Settled(RangeSet(), RangeSet(), self._cut_short)
        self._cut_short = []
        for first, stop in settled:
            for a, b in lost.within(first, stop):
                result.release.add(a, b)
            self._ahead.add(first, stop)
            for a, b in self._counted.within(first, stop):
                result.release.add(a, b)
                self._ahead.remove(a, b)
        for first, stop in self._ahead.remove(0, cursor):
            self._counted.add(first, stop)
            # Part instances that were lost as a whole have not been opened.
            self._bindings.reach(stop - 1)
            while first < stop:
                binding = self._bindings.of(first)
                end = min(stop, binding.stop)
                self._settle_within(binding, first, end, result)
                first = end
        for binding, group in result.complete:
            self._complete(binding, group, result)
        for first, stop in result.release:
            result.spare.remove(first, stop)
        return result

    def _settle_within(self, binding: Binding, first: int, stop: int, result: Settled) -> None:
        part, base = binding.part, binding.first
        unsettled = _unsettled(binding)
        single = part.single[first - base : stop - base]
        touched, counts = np.unique(single[single >= 0], return_counts=True)
        unsettled[touched] -= counts
        done = set(touched[unsettled[touched] == 0].tolist())
        alone = RangeSet()
        for begin, end in _ranges(np.flatnonzero(single < 0) + first):
            alone.add(begin, end)
        for offset in (np.flatnonzero(single == MIXED) + first - base).tolist():
            groups = part.groups(offset)
            if groups:
                alone.remove(base + offset, base + offset + 1)
            for group in groups:
                unsettled[group] -= 1
                if unsettled[group] == 0:
                    done.add(group)
        result.complete += [(binding, group) for group in sorted(done)]
        for a, b in alone:
            result.release.add(a, b)
        bound = RangeSet([(first, stop)])
        for a, b in alone:
            bound.remove(a, b)
        for a, b in bound:
            for begin, end in self._without.within(a, b):
                result.release.add(begin, end)
            for begin, end in self._without.missing(a, b):
                self._kept.add(begin, end)
                result.spare.add(begin, end)

    def _complete(self, binding: Binding, group: int, result: Settled) -> None:
        """Let go of what only this constraint was waiting for."""
        unsettled = _unsettled(binding)
        for first, stop in self.events(binding, group):
            if binding.part.single[first - binding.first] == MIXED:
                groups = binding.part.groups(first - binding.first)
                if any(unsettled[other] for other in groups):
                    continue
            for a, b in self._kept.remove(first, stop):
                result.release.add(a, b)
            self._without.remove(first, stop)
            self._gone.remove(first, stop)
        if not self._gone:
            self._causes.clear()

    def let_all_go(self) -> list[Range]:
        """All events of the run are settled; returns those of which packets were kept."""
        return self._kept.clear()

    def cut(self, binding: Binding, stop: int) -> None:
        """The part instance ends before ``stop`` now, which was not so before."""
        if binding.unsettled is None:
            return
        offsets = np.arange(stop - binding.first, binding.part.length)
        for group, count in _members_among(binding, offsets).items():
            binding.unsettled[group] -= count
            if count and not binding.unsettled[group]:
                self._cut_short.append((binding, group))

    # ---- packets are given up -------------------------------------------------------------------------------------------

    def forget(self, first: int, stop: int, cause: str) -> None:
        """Packets of these events cannot be had any more, for this cause."""
        self._gone.add(first, stop)
        self._causes.append(((first, stop), cause))

    def recover(self, first: int, stop: int) -> None:
        """[first, stop) had been given up, and are in the result: they are part of a state, and their packets were let go."""
        for a, b in self._without.remove(first, stop):
            self.forget(
                a,
                b,
                "packets were let go when their events had been given up, and were worked on all the same",
            )

    def gap(self, binding: Binding, group: int, stop: int) -> str | None:
        """Why the events of a constraint before ``stop`` cannot all be worked through again; None when they can."""
        if not self._gone:
            return None
        for a, b in self.past(binding, group, binding.first, stop):
            for first, end in self._gone.within(a, b):
                for (begin, until), cause in self._causes:
                    if begin < end and first < until:
                        return cause
        return None

    # ---- what there is to work through ----------------------------------------------------------------------------------

    def events(self, binding: Binding, group: int) -> list[Range]:
        """The events of a constraint; those with several constraints one by one."""
        members = binding.part.members(group)
        members = members[: np.searchsorted(members, binding.stop - binding.first)]
        mixed = binding.part.single[members] == MIXED
        if not mixed.any():
            return _ranges(members + binding.first)
        alone = [(event, event + 1) for event in (members[mixed] + binding.first).tolist()]
        return sorted([*_ranges(members[~mixed] + binding.first), *alone])

    def past(self, binding: Binding, group: int, first: int, stop: int) -> list[Range]:
        """The events of [first, stop) that belong to a constraint and to its state."""
        return [
            part
            for a, b in self.events(binding, group)
            for part in self._without.missing(max(a, first), min(b, stop))
            if part[0] < part[1]
        ]

    @property
    def kept(self) -> RangeSet:
        """The settled events whose packets are kept; not to be changed by the caller."""
        return self._kept


def _unsettled(binding: Binding) -> npt.NDArray[np.int64]:
    if binding.unsettled is None:
        binding.unsettled = binding.part.group_sizes.copy()
        beyond = np.arange(binding.stop - binding.first, binding.part.length)
        for group, count in _members_among(binding, beyond).items():
            binding.unsettled[group] -= count
    return binding.unsettled


def _members_among(binding: Binding, offsets: npt.NDArray[np.int64]) -> dict[int, int]:
    """By group, how many of these events belong to it."""
    single = binding.part.single[offsets]
    groups, counts = np.unique(single[single >= 0], return_counts=True)
    found: dict[int, int] = dict(zip(groups.tolist(), counts.tolist(), strict=True))
    for offset in offsets[single == MIXED].tolist():
        for group in binding.part.groups(offset):
            found[group] = found.get(group, 0) + 1
    return found


def _ranges(numbers: npt.NDArray[np.int64]) -> list[Range]:
    """Sorted numbers as ranges."""
    if not len(numbers):
        return []
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    firsts = numbers[np.concatenate([[0], breaks + 1])].tolist()
    lasts = numbers[np.concatenate([breaks, [len(numbers) - 1]])].tolist()
    return [(first, last + 1) for first, last in zip(firsts, lasts, strict=True)]

"""Events that have several deliveries: several workers see them, or all workers with some tags.

Invariant: such an event is finished when each of its deliveries is done or void. A delivery that serves only cells without a constraint
becomes void when its worker is gone and another worker has been given the same cells; every other delivery has to be leased again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from beamloom.engine.ranges import Range

TagSets = frozenset[frozenset[str]]


@dataclass(slots=True)
class Unit:
    """One delivery of a split event."""

    streams: tuple[str, ...]
    groups: tuple[int, ...] = ()
    """The constraints that it serves, as groups of the part instance."""
    broadcasts: TagSets = frozenset()
    """The tag sets of the cells without constraint that it serves."""


@dataclass(slots=True)
class SplitEvent:
    """One event and its deliveries, by slot."""

    units: dict[int, Unit]
    open: set[int] = field(default_factory=set)
    """Slots that are neither done nor void."""
    failed: bool = False
    next_slot: int = 0

    def __post_init__(self) -> None:
        self.open = set(self.units)
        self.next_slot = len(self.units)


@dataclass(slots=True, order=True)
class Orphan:
    """Deliveries whose worker is gone."""

    first: int
    slot: int
    stop: int = field(compare=False)


class Deliveries:
    """The split events that are not finished, and the start event for as long as the run goes on."""

    def __init__(self) -> None:
        self._split: dict[int, SplitEvent] = {}
        self._start: SplitEvent | None = None

    def add(self, event: int, units: list[Unit]) -> None:
        """Event ``event`` has been given out as these deliveries, slot by slot."""
        split = SplitEvent(dict(enumerate(units)))
        if event == 0 and any(unit.broadcasts for unit in units):
            self._start = split
        else:
            self._split[event] = split

    def of(self, event: int) -> SplitEvent | None:
        """The deliveries of an event; None for one with a single delivery, or a finished one."""
        return self._start if event == 0 and self._start is not None else self._split.get(event)

    def close(self, event: int, slot: int, *, failed: bool = False) -> bool | None:
        """A delivery is done; returns None while others are open, else whether the event has failed."""
        split = self.of(event)
        if split is None:
            return failed
        split.failed = split.failed or failed
        split.open.discard(slot)
        if split.open:
            return None
        self._split.pop(event, None)
        return split.failed

    def reopen(self, event: int, slot: int) -> bool:
        """The result of a delivery is gone: whether its event is still open, so that it can be leased again."""
        split = self.of(event)
        if split is None or not split.open or slot not in split.units:
            return False
        split.open.add(slot)
        return True

    def slots(self, event: int) -> list[int]:
        """The slots of an event with several deliveries; none of one with a single delivery, or a finished one."""
        split = self.of(event)
        return [] if split is None else list(split.units)

    def void(self, event: int, slot: int) -> bool:
        """The worker of a delivery is gone: whether nobody else needs to be given it. If so it is taken out."""
        split = self.of(event)
        if split is None:
            return False
        unit = split.units[slot]
        served = {tags for other, one in split.units.items() if other != slot for tags in one.broadcasts}
        if unit.groups or not unit.broadcasts <= served:
            return False
        split.open.discard(slot)
        del split.units[slot]
        return True

    def ended(self) -> list[tuple[int, bool]]:
        """The events whose last open delivery became void, each with whether it has failed."""
        ended = [(event, split.failed) for event, split in self._split.items() if not split.open]
        for event, _ in ended:
            del self._split[event]
        if self._start is not None and not self._start.open:
            ended.append((0, self._start.failed))
        return ended

    def join_start(self, tags: frozenset[str]) -> tuple[int, tuple[str, ...]] | None:
        """A worker came late: the slot and the streams of the start event's delivery for it, if it is to see that event."""
        start = self._start
        if start is None:
            return None
        units = list(start.units.values())
        mine = frozenset(wanted for unit in units for wanted in unit.broadcasts if wanted <= tags)
        if not mine:
            return None
        streams = tuple(
            dict.fromkeys(stream for unit in units if unit.broadcasts & mine for stream in unit.streams)
        )
        slot = start.next_slot
        start.next_slot += 1
        start.units[slot] = Unit(streams, (), mine)
        start.open.add(slot)
        return slot, streams

    def drop(self, first: int, stop: int) -> None:
        """[first, stop) are settled some other way."""
        for event in [event for event in self._split if first <= event < stop]:
            del self._split[event]
        if first <= 0 < stop:
            self._start = None

    def split_within(self, first: int, stop: int) -> list[int]:
        """The split events in [first, stop), sorted."""
        split = self._split
        if len(split) > stop - first:
            inside = [event for event in range(first, stop) if event in split]
        else:
            inside = [event for event in split if first <= event < stop]
        if self._start is not None and first <= 0 < stop:
            inside.append(0)
        return sorted(inside)

    def pieces(self, first: int, stop: int) -> list[Range]:
        """[first, stop) in pieces, each split event by itself."""
        pieces: list[Range] = []
        for event in self.split_within(first, stop):
            if first < event:
                pieces.append((first, event))
            pieces.append((event, event + 1))
            first = event + 1
        if first < stop:
            pieces.append((first, stop))
        return pieces

    @property
    def start_kept(self) -> bool:
        """Whether event 0 is one that workers get as well that come late."""
        return self._start is not None

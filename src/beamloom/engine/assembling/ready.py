"""Events whose packets are all with their worker, as runs of consecutive events.

Policy: packets are made when somebody looks at them. The first event of a run tells whether the user's class does: where it has not looked
at its packets, those of the others are not made either, until it looks; where it has, they are made together, which costs less than
one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, repeat
from typing import Any

import msgspec

from beamloom.engine.streams.later_frames import LaterPackets
from beamloom.events import Event, Packet

Streams = dict[str, Packet]

_TAKEN = Packet("taken", [])


class Ready(msgspec.Struct, gc=False):
    """One event with all packets of this delivery."""

    event: int
    slot: int
    attempt: int
    epoch: int
    streams: Streams
    split: bool = False
    """Whether this is one of several deliveries of the event, or could be."""
    life: int = 0
    """The number of the state that its result depends on; 0 where it depends on none."""

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is worked through for that state alone, and has no result."""
        return self.slot < 0


class ReadyRun(msgspec.Struct):
    """Consecutive events, each with all packets of its delivery; what else is said of them is as in ``Ready``."""

    first: int
    stop: int
    slot: int
    attempt: int
    epoch: int
    columns: dict[str, Sequence[Packet]]
    """By stream, the packet of each event."""
    split: bool = False
    life: int = 0

    @property
    def is_rehearsal(self) -> bool:
        """Whether they are worked through for a state alone, and have no result."""
        return self.slot < 0

    def __len__(self) -> int:
        return self.stop - self.first

    def behind(self, first: int) -> ReadyRun:
        """The same from this event on."""
        columns = {name: packets[first - self.first :] for name, packets in self.columns.items()}
        return msgspec.structs.replace(self, first=first, columns=columns)

    def take(self, event: int) -> ReadyRun:
        """One of them alone. Of packets that are in a list nothing is kept here."""
        place = event - self.first
        columns = {name: packets[place : place + 1] for name, packets in self.columns.items()}
        for packets in self.columns.values():
            if isinstance(packets, list):
                packets[place] = _TAKEN
        return msgspec.structs.replace(self, first=event, stop=event + 1, columns=columns)

    def at(self, event: int) -> Ready:
        """One of them."""
        streams = self.streams(event - self.first)
        return Ready(event, self.slot, self.attempt, self.epoch, streams, self.split, self.life)

    def __iter__(self) -> Iterator[Ready]:
        return map(self.at, range(self.first, self.stop))

    def streams(self, place: int) -> Streams:
        """The packets of the event in this place."""
        return _streams_of(self.columns, place)

    def events(self) -> Iterator[Event]:
        """All of them as the user's class sees them."""
        return chain.from_iterable(self._events())

    def _events(self) -> Iterator[Iterable[Event]]:
        # An event that is kept has its packets also when this run has given up its own.
        streams = partial(_streams_of, self.columns)
        first = _late(self.first, (streams, 0))
        yield (first,)
        begin = self.first + 1
        if begin == self.stop:
            return
        is_late = first.is_late
        # The frames of the second may lie in its memory.
        del first
        if is_late:
            yield map(_late, range(begin, self.stop), zip(repeat(streams), range(1, len(self))))
        else:
            yield map(Event, range(begin, self.stop), self._streams_behind(1))

    def _streams_behind(self, place: int) -> Iterable[Streams]:
        """The packets of all events from this place on."""
        if any(isinstance(packets, LaterPackets) for packets in self.columns.values()):
            return map(self.streams, range(place, len(self)))
        found: list[Streams] = [{} for _ in range(len(self) - place)]
        for name, packets in self.columns.items():
            for streams, packet in zip(found, packets[place:], strict=True):
                streams[name] = packet
        return found


def _streams_of(columns: dict[str, Sequence[Packet]], place: int) -> Streams:
    return {name: packets[place] for name, packets in columns.items()}


class LateEvent(Event):
    """An event whose packets are made when they are first asked for. It is equal to any other event with the same packets.

    One that is kept without being looked at keeps the packets of its neighbours, too. A copy, or what is pickled, is a plain event.
    """

    @property
    def is_late(self) -> bool:
        """Whether nobody has asked for its packets yet."""
        return type(_held(self)) is tuple

    @property  # type: ignore[misc]
    def streams(self) -> Streams:
        held: Any = _held(self)
        if type(held) is tuple:
            make, place = held
            held = make(place)
            _hold(self, held)
        streams: Streams = held
        return streams

    @streams.setter
    def streams(self, streams: Streams) -> None:
        _hold(self, streams)

    def __reduce__(self) -> tuple[type[Event], tuple[int, Streams]]:
        return Event, (self.event_number, self.streams)

    def __copy__(self) -> Event:
        return Event(self.event_number, self.streams)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return self.event_number == other.event_number and self.streams == other.streams

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.__copy__())


_late: Callable[[int, tuple[Callable[[int], Streams], int]], LateEvent] = LateEvent  # type: ignore[assignment]
"""Makes one that asks this function for its packets, with its place."""
_held: Callable[[Event], Any] = Event.streams.__get__  # type: ignore[attr-defined]
_hold: Callable[[Event, Any], None] = Event.streams.__set__  # type: ignore[attr-defined]

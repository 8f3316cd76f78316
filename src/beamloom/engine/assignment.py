"""What the scheduler hands out: consecutive events leased to one worker."""

from __future__ import annotations

import msgspec


class Span(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Consecutive events, leased to one worker.

    ``slot`` tells apart the deliveries of an event that several workers see; together with the event's number it names a delivery
    for the whole run, whichever worker ends up with it. ``attempt`` grows each time the delivery is leased again. ``epoch`` is the
    parameter epoch that holds for these events. ``streams`` are the streams whose packets belong to this delivery; None stands for
    every stream that the map wants in the event. ``life`` is the number of the state that the result depends on
    (engine/scheduling/lives.py); 0 where it depends on none. What is only worked through again for that state has no result: its slot is
    below 0.
    """

    first: int
    count: int
    worker: str
    slot: int = 0
    attempt: int = 1
    epoch: int = 0
    streams: tuple[str, ...] | None = None
    life: int = 0

    @property
    def stop(self) -> int:
        """One past the last event."""
        return self.first + self.count

    @property
    def is_rehearsal(self) -> bool:
        """Whether these events are worked through for the state alone."""
        return self.slot < 0


def joined(spans: list[Span]) -> list[Span]:
    """The same spans with those put together that continue each other."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.stop == span.first
            and (last.worker, last.slot, last.attempt, last.epoch, last.streams)
            == (span.worker, span.slot, span.attempt, span.epoch, span.streams)
            and last.life == span.life
        ):
            merged[-1] = msgspec.structs.replace(last, count=last.count + span.count)
        else:
            merged.append(span)
    return merged

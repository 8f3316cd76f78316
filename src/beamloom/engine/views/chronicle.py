"""What happened to which events of a run, as far back as a bounded memory goes: for whoever asks for the story of one event.

Policy: the ledger says what became of every event, for ever, in ranges. This is about the way there, for the recent past: leases,
results that were taken, failures, workers that were lost. It is no input of the run: nothing is decided by it, it is gone with its
controller, and it says itself how far back it goes. Leases that were taken away, and those that followed, are kept apart from
the many that went well, and so for longer.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range, RangeSet

LEASES_KEPT = 8192
TROUBLES_KEPT = 4096
FAILURES_KEPT = 1024
LEAST_SPAN = 0.2
"""Seconds over which a rate is told at least."""


class Lease(NamedTuple):
    """Events that were given to a worker; ``at`` is Unix time (s), here and below."""

    at: float
    span: Span


class Took(NamedTuple):
    """The reducer has said that it has taken these deliveries."""

    at: float
    worker: str
    slot: int
    first: int
    stop: int


class Fell(NamedTuple):
    """User code failed on a delivery."""

    at: float
    worker: str
    slot: int
    event: int
    error: str


class Lost(NamedTuple):
    """A worker was lost, with what it held."""

    at: float
    worker: str
    cause: str


class Missed(NamedTuple):
    """A stream said that it has no packet for these events."""

    at: float
    loss: Loss


class Past(NamedTuple):
    """What is remembered of one event, each kind in the order in which it happened."""

    leases: list[Lease]
    taken: list[Took]
    failures: list[Fell]
    lost: dict[str, Lost]
    """The workers of these leases that were lost, by their ids."""
    missed: list[Missed]


class Remembered(NamedTuple):
    """All that is remembered of who had what, as it was at one moment."""

    leases: list[Lease]
    """In no order; one may be in twice."""
    lost: dict[str, Lost]
    missed: list[Missed]


class _Written(msgspec.Struct, array_like=True):
    """All that a chronicle remembers."""

    since: float
    leases: list[Lease]
    troubled: list[Lease]
    taken: list[Took]
    failures: list[Fell]
    lost: dict[str, Lost]
    missed: list[Missed]


_written = msgspec.msgpack.Decoder(_Written)


class Chronicle:
    """The recent past of one run."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` gives the Unix time (s)."""
        self._clock = clock
        self.since = clock()
        """Unix time (s) before which nothing is remembered."""
        self._leases: deque[Lease] = deque(maxlen=LEASES_KEPT)
        self._troubled: deque[Lease] = deque(maxlen=TROUBLES_KEPT)
        self._taken: deque[Took] = deque(maxlen=LEASES_KEPT)
        self._failures: deque[Fell] = deque(maxlen=FAILURES_KEPT)
        self._lost: dict[str, Lost] = {}
        self._missed: deque[Missed] = deque(maxlen=TROUBLES_KEPT)

    def leased(self, spans: Iterable[Span]) -> None:
        """These were given out."""
        at = self._clock()
        for span in spans:
            (self._leases if span.attempt == 1 else self._troubled).append(Lease(at, span))

    def took(self, deliveries: Iterable[tuple[str, int, int, int]]) -> None:
        """The reducer has taken these: worker, slot, first event, one past the last."""
        at = self._clock()
        self._taken.extend(Took(at, *delivery) for delivery in deliveries)

    def failed(self, worker: str, slot: int, events: Iterable[Range], error: str) -> None:
        """User code failed on these deliveries."""
        at = self._clock()
        for first, stop in events:
            self._failures.extend(Fell(at, worker, slot, event, error) for event in range(first, stop))

    def missing(self, losses: Iterable[Loss]) -> None:
        """A stream has no packets for these."""
        at = self._clock()
        self._missed.extend(Missed(at, loss) for loss in losses)

    def worker_lost(self, worker: str, cause: str, settled: RangeSet) -> None:
        """A worker is gone; what of its leases is not ``settled`` is given to others."""
        self._lost[worker] = Lost(self._clock(), worker, cause)
        while len(self._lost) > FAILURES_KEPT:
            self._lost.pop(next(iter(self._lost)))
        for lease in self._leases:
            if lease.span.worker == worker and list(settled.missing(lease.span.first, lease.span.stop)):
                self._troubled.append(lease)

    @property
    def newest(self) -> Took | None:
        """What the reducer has taken last, of what it took at once that with the highest event; None before that."""
        if not self._taken:
            return None
        last = self._taken[-1].at
        together = itertools.takewhile(lambda one: one.at == last, reversed(self._taken))
        return max(together, key=lambda one: one.stop)

    def taken_per_second(self, seconds: float) -> float:
        """Events whose results the reducer took in the last ``seconds``, each second; costs a step for each delivery of that time."""
        now = self._clock()
        events, begun = RangeSet(), now
        for one in reversed(self._taken):
            if now - one.at > seconds:
                begun = now - seconds
                break
            # An event that several workers see is one event.
            events.add(one.first, one.stop)
            begun = one.at
        return len(events) / max(now - begun, LEAST_SPAN)

    @property
    def leases(self) -> int:
        """How many leases are remembered."""
        return len(self._leases)

    def of(self, event: int) -> Past:
        """What is remembered of ``event``."""
        leases = [one for one in (*self._leases, *self._troubled) if one.span.first <= event < one.span.stop]
        leases = sorted(dict.fromkeys(leases), key=lambda one: (one.at, one.span.attempt))
        workers = {lease.span.worker for lease in leases}
        return Past(
            leases,
            [one for one in self._taken if one.first <= event < one.stop],
            [one for one in self._failures if one.event == event],
            {worker: self._lost[worker] for worker in workers if worker in self._lost},
            [one for one in self._missed if one.loss.first <= event < one.loss.stop],
        )

    def copies(self) -> Remembered:
        """What is remembered of all events, which later changes do not reach: three copies, and no look at what is in them."""
        return Remembered([*self._leases, *self._troubled], self._lost.copy(), [*self._missed])

    def encode(self) -> bytes:
        """All that is remembered, to be put away when the run has ended."""
        return msgspec.msgpack.encode(
            _Written(
                self.since,
                list(self._leases),
                list(self._troubled),
                list(self._taken),
                list(self._failures),
                self._lost,
                list(self._missed),
            )
        )

    @classmethod
    def decode(cls, written: bytes) -> Chronicle:
        """What ``encode`` has written, to be asked; nothing more happens in it."""
        read = _written.decode(written)
        one = cls(lambda: read.since)
        one._leases.extend(read.leases)
        one._troubled.extend(read.troubled)
        one._taken.extend(read.taken)
        one._failures.extend(read.failures)
        one._lost.update(read.lost)
        one._missed.extend(read.missed)
        return one

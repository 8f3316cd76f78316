"""Streams whose ingester has died, until it is known what that has cost.

Policy: nothing is lost before it is known who has what. When what the dead ingester had sent has had time to arrive, the workers are asked
which of their deliveries lack a packet of the stream. Those *claim* it from the next ingester, as does whatever is leased after the
question; all others are whole and are worked off. An event that nobody had been leased by then was delivered to nobody.

A stream that nobody takes up in time is gone for good: what claims its packets is lost, and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.scheduling.workforce import Workforce
from beamloom.engine.streams.layout import WantedEvents
from beamloom.engine.streams.streamplan import StreamLayout


class Place(Enum):
    """Whether a stream has an ingester again."""

    VACANT = "vacant"
    """Another one is waited for."""
    TAKEN = "taken"
    """Another one has been told to go on."""
    GIVEN_UP = "given up"
    """Nobody is waited for."""


class Absence:
    """One stream whose ingester has died."""

    def __init__(self, cause: str, now: float) -> None:
        self.cause = cause
        """Why its events are lost, if they are."""
        self.since = now
        self.place = Place.VACANT
        self.asked = False
        """Whether the workers were asked."""
        self._awaited: set[str] = set()
        self._claims: dict[str, dict[int, RangeSet]] = {}
        self._leased_until = 0
        self._ahead: tuple[StreamLayout, WantedEvents] | None = None

    def ask(self, workers: Iterable[str], leased_until: int) -> None:
        """The workers are asked now; no event from ``leased_until`` on was ever leased."""
        self.asked, self._awaited = True, set(workers)
        self._claims.clear()
        self._leased_until, self._ahead = leased_until, None

    def answer(self, worker: str, lacking: Mapping[int, Sequence[Range]]) -> None:
        """A worker lacks the packet of these deliveries, by slot."""
        if worker in self._awaited:
            self._awaited.discard(worker)
            for slot, events in lacking.items():
                for first, stop in events:
                    self._claim(worker, slot, first, stop)

    def leased(self, spans: Iterable[Span]) -> None:
        """These have just been leased, while no ingester heard of it."""
        if self.asked and self.place is not Place.TAKEN:
            for span in spans:
                self._claim(span.worker, span.slot, span.first, span.stop)

    def knows(self, workforce: Workforce) -> bool:
        """Whether all workers that were asked have answered, or are gone."""
        return self.asked and not any(worker in workforce for worker in self._awaited)

    def brought_until(self, span: Span) -> int:
        """One past the last of these leased events whose packet is known to be with the worker; 0 where none is."""
        claims = self._claims.get(span.worker, {}).get(span.slot, RangeSet())
        brought = claims.missing(span.first, span.stop)
        return brought[-1][1] if brought else 0

    def _claim(self, worker: str, slot: int, first: int, stop: int) -> None:
        self._claims.setdefault(worker, {}).setdefault(slot, RangeSet()).add(first, stop)

    def take_claims(self, workforce: Workforce) -> list[tuple[str, int, int, int]]:
        """Worker, slot, first event and one past the last of the leases that claim a packet, each told once."""
        claims, self._claims = self._claims, {}
        return [
            (name, slot, a, b)
            for name, slots in claims.items()
            if (worker := workforce.get(name)) is not None
            for slot, events in slots.items()
            for first, stop in events
            for a, b in worker.leases.get(slot, RangeSet()).within(first, stop)
        ]

    def losses(self, layout: StreamLayout, workforce: Workforce, until: int) -> list[Loss]:
        """Of the events before ``until``, those that are lost as nobody has their packet, as far as that was not told before."""
        if not self.asked:
            return []
        lost = RangeSet()
        for worker, slot, first, stop in self.take_claims(workforce):
            lost.add(first, min(stop, until))
            if stop > until:
                # In an open-ended run nobody knows yet whether there is such an event.
                self._claim(worker, slot, max(first, until), stop)
        wanted = WantedEvents(layout)
        losses = []
        for first, stop in lost:
            wanted.before(first)
            losses += [Loss(a, b, self.cause) for a, b in wanted.before(stop)]
        if self._ahead is None or self._ahead[0] is not layout:
            self._ahead = layout, WantedEvents(layout, self._leased_until)
        return losses + [Loss(a, b, self.cause) for a, b in self._ahead[1].before(until)]


class Absences:
    """All streams of a run whose ingester has died."""

    def __init__(self, timeout: float, grace: float) -> None:
        """``timeout``: how long another ingester is waited for; ``grace``: how long what was sent may be under way; in seconds."""
        self.timeout = timeout
        self._grace = grace
        self._streams: dict[str, Absence] = {}

    def __bool__(self) -> bool:
        """Whether the ingester of any stream has died in this run."""
        return bool(self._streams)

    def begin(self, stream: str, cause: str, now: float) -> Absence:
        """The ingester of a stream has died, or one that was about to take it up."""
        former = self._streams.get(stream)
        one = self._streams[stream] = Absence(cause, now)
        if former is not None and former.place is Place.VACANT:
            one.since = former.since
        return one

    def get(self, stream: str) -> Absence | None:
        """How it is with a stream whose ingester has died; None where none has."""
        return self._streams.get(stream)

    def are(self, place: Place) -> dict[str, Absence]:
        """The streams for which that is so."""
        return {stream: one for stream, one in self._streams.items() if one.place is place}

    def overdue(self, now: float) -> list[str]:
        """The streams that have been waited for long enough."""
        return [stream for stream, one in self.are(Place.VACANT).items() if now - one.since > self.timeout]

    def questions(self, now: float, workers: Collection[str], leased_until: int) -> list[str]:
        """The streams that all ``workers`` are to be asked for now."""
        due = [s for s, one in self._streams.items() if not one.asked and now - one.since >= self._grace]
        for stream in due:
            self._streams[stream].ask(workers, leased_until)
        return due

    def leased(self, spans: Collection[Span]) -> None:
        """These have just been leased."""
        for stream, one in self._streams.items():
            one.leased(span for span in spans if span.streams is None or stream in span.streams)

    def ask_again(self) -> None:
        """Another controller goes on: what the former one asked, and told the ingesters after that, may not have arrived."""
        for one in self._streams.values():
            one.asked = False

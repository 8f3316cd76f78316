"""How a stream passes from an ingester that died to the next one.

Policy: the run waits for another ingester as long as it is told to (``absence``), and hands it what it needs to find its place
(``rejoining``). Meanwhile nothing else of the run waits: what is whole is worked off, leases go on. A stream that was taken up and of which
nothing comes is given up, too, later than usual where its device is slow: its last packets may have died with the ingester.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from beamloom.engine.accounts.ledger import Ledger
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.runs.absence import Absence, Absences, Place
from beamloom.engine.runs.settling import Settling
from beamloom.engine.runs.standing import Standing
from beamloom.engine.scheduling.scheduler import Scheduler
from beamloom.engine.streams.layout import WantedEvents
from beamloom.engine.streams.rejoining import Rejoin


class Handover(msgspec.Struct):
    """What the next ingester of some streams is told, besides the map."""

    rejoins: dict[str, Rejoin]
    spans: list[Span]
    """All leases that there are."""
    settled: list[Range]
    """All events of which no packet has to be kept."""
    spare: list[Range]
    """Settled events of which packets are kept, where there are any, for a replay of their constraints."""


class Succession:
    """The streams of one run that change hands."""

    def __init__(
        self,
        standing: Standing,
        ledger: Ledger,
        scheduler: Scheduler,
        settling: Settling,
        *,
        timeout: float,
        grace: float,
    ) -> None:
        """``timeout`` and ``grace`` are seconds, as in RunSettings the ``ingester_timeout`` and the ``orphan_grace``."""
        self._standing = standing
        self._ledger = ledger
        self._scheduler = scheduler
        self._settling = settling
        self._absences = Absences(timeout, grace)

    @property
    def vacant(self) -> Mapping[str, Absence]:
        """The streams for which an ingester is waited for."""
        return self._absences.are(Place.VACANT)

    def begin(self, stream: str, cause: str, now: float) -> None:
        """The ingester of a stream has died, which another one may go on with, unless nothing more is to come of it."""
        if stream not in self._standing.left:
            return
        self._absences.begin(stream, cause, now)
        self._standing.vacate(stream)

    def give_up(self, stream: str, cause: str, now: float) -> bool:
        """Nobody will bring more of a stream; whether that is news."""
        if stream not in self._standing.left:
            return False
        one = self._absences.get(stream)
        if one is None or one.place is Place.TAKEN:
            one = self._absences.begin(stream, cause, now)
        one.place, one.cause = Place.GIVEN_UP, cause
        self._standing.lose(stream, cause, now)
        self.forget_past(stream, cause)
        return True

    def forget_past(self, stream: str, cause: str) -> None:
        """What came of a stream so far is nowhere any more, also what its ingester did not come to tell of."""
        until = max(self._standing.seen_until, self._scheduler.cursor)
        self._settling.forget_past(WantedEvents(self._standing.layouts[stream]).before(until), cause)

    def refuse(self, stream: str, problem: str, now: float, *, final: bool) -> bool:
        """Another ingester could not go on with a stream; returns whether one is waited for still."""
        former = self._absences.are(Place.TAKEN).get(stream)
        if former is None:
            return True
        if final:
            return not self.give_up(stream, f"{former.cause}; {problem}", now)
        one = self._absences.begin(stream, former.cause, now)
        one.since = former.since
        self._standing.vacate(stream)
        return True

    def answer(self, stream: str, worker: str, lacking: Mapping[int, Sequence[Range]]) -> None:
        """A worker lacks the packets of a stream for these deliveries."""
        one = self._absences.get(stream)
        if one is not None:
            one.answer(worker, lacking)

    def take_up(self, streams: Collection[str], now: float) -> Handover:
        """Another ingester is told now to go on with these streams, which are vacant."""
        rejoins: dict[str, Rejoin] = {}
        cursor = self._scheduler.cursor
        for stream in streams:
            absence, standing = self._absences.are(Place.VACANT)[stream], self._standing[stream]
            absence.place = Place.TAKEN
            self._standing.take_up(stream, now)
            total = self._ledger.total
            over = standing.ended or (total is not None and standing.complete_until >= total)
            # What it had sent may have been reduced before it told of it.
            seen = standing.seen_until > 0 or len(self._ledger.reduced) > 0
            rejoins[stream] = Rejoin(absence.cause, cursor, seen, over, standing.bearing)
        again = self._rehearse_again()
        spans = [
            span
            for worker in self._scheduler.workforce
            if not worker.suspended
            for slot, lease in worker.leases.items()
            for first, stop in lease
            for a, b in again.get((worker.name, slot), RangeSet()).missing(first, stop)
            for span in self._scheduler.leases_of(worker.name, slot, a, b)
        ]
        self._settling.let_go()
        kept, settled = self._settling.kept, self._settling.not_spare
        needed_from = settled[0][1] if settled and settled[0][0] == 0 else 0
        rejoins = {s: msgspec.structs.replace(one, needed_from=needed_from) for s, one in rejoins.items()}
        return Handover(rejoins, spans, self._settling.not_kept(settled), self._settling.not_kept(list(kept)))

    def _rehearse_again(self) -> dict[tuple[str, int], RangeSet]:
        """Nobody knows which packets of rehearsals have arrived: they begin anew, and what is leased behind them with them.

        Returns these deliveries, by worker and slot.
        """
        again: dict[tuple[str, int], RangeSet] = {}
        lives, step = self._scheduler.lives, self._settling.step
        if lives is None:
            return again
        for worker in self._scheduler.workforce:
            if worker.suspended:
                continue
            uncertain, over = lives.uncertain(worker)
            step.over += over
            ended = RangeSet(over)
            step.spans = [span for span in step.spans if span.life not in ended]
            for event, slot in uncertain:
                again.setdefault((worker.name, slot), RangeSet()).add(event, event + 1)
        for (name, slot), events in again.items():
            for first, stop in events:
                step.spans += self._scheduler.renew(name, slot, first, stop)
        return again

    def brought_until(self, event: int) -> int | None:
        """One past the last event from ``event`` on of which a worker has a packet of a stream that is gone; ``event`` where none has.

        None as long as that is not known. To be asked when ``event`` is as far as it was told that the streams came.
        """
        gone = self._absences.are(Place.GIVEN_UP)
        workforce = self._scheduler.workforce
        if not gone:
            return event
        if not all(one.knows(workforce) for one in gone.values()):
            return None
        until = event
        for worker in workforce:
            for slot, lease in worker.leases.items():
                for first, stop in lease.within(event, self._scheduler.cursor):
                    if worker.suspended:
                        # It was not asked, and may have made something of these.
                        return None
                    for span in self._scheduler.leases_of(worker.name, slot, first, stop):
                        for stream, one in gone.items():
                            if span.streams is None or stream in span.streams:
                                until = max(until, one.brought_until(span))
        return until

    def ask_again(self) -> None:
        """Another controller goes on, and nobody knows which messages of the former one have arrived."""
        self._absences.ask_again()

    def look(self, now: float) -> list[str]:
        """Tell of what is lost by now; returns the streams that have just been given up."""
        if not self._absences:
            return []
        given_up = self._absences.overdue(now)
        for stream in given_up:
            cause = f"{self._absences.are(Place.VACANT)[stream].cause}; no other one took its place within "
            self.give_up(stream, f"{cause}{self._absences.timeout:g} s (ingester_timeout)", now)
        for stream in self._standing.never_resumed(now, self._absences.timeout, self._ledger.total):
            absence = self._absences.get(stream)
            cause = "" if absence is None else f"{absence.cause}; "
            self.give_up(stream, f"{cause}nothing has come since another one took its place", now)
            given_up.append(stream)
        if self._ledger.complete:
            # All that is left is to show those who come late how it began: nobody is waited for for that.
            for stream in self.vacant:
                self._settling.withhold_start(self._standing.layouts[stream])
        until = self._standing.seen_until if self._ledger.total is None else self._ledger.total
        for stream, one in self._absences.are(Place.GIVEN_UP).items():
            layout = self._standing.layouts[stream]
            if one.asked:
                self._settling.lose_all(one.losses(layout, self._scheduler.workforce, until))
                if 0 in self._ledger.settled:
                    self._settling.withhold_start(layout)
        return given_up

    def tell(self, now: float) -> None:
        """What has to be told of this, in the next step, all of whose leases are known."""
        if not self._absences:
            return
        step = self._settling.step
        self._absences.leased(step.spans)
        workers = [worker.name for worker in self._scheduler.workforce if not worker.suspended]
        step.inquire += self._absences.questions(now, workers, self._scheduler.cursor)
        for stream, one in self._absences.are(Place.TAKEN).items():
            claims = [
                span
                for worker, slot, first, stop in one.take_claims(self._scheduler.workforce)
                for span in self._scheduler.leases_of(worker, slot, first, stop)
            ]
            if claims:
                step.claims[stream] = claims

"""What a shadow worker knows of one run: the copies that came, what became of each, and what did not come.

Invariant: each delivery is worked on once, whoever has sent copies of it; and a worker hears that a copy is done with only when all
before it are, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from beamloom.engine.accounts.faults import Failure, Faults
from beamloom.engine.ranges import Range, RangeSet

Delivery = tuple[int, int]
"""Slot and event."""
SEEN_BACK = 1 << 20
"""So many events back it is remembered which were had: another worker has an event again within seconds."""
MOST_TOLD = 5
"""Ways of failing that are told."""


class Ticket:
    """A copy that somebody waits to have done with."""

    __slots__ = ("done", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.done = False


class Link:
    """One worker that sends copies."""

    def __init__(self) -> None:
        self.run = ""
        """The run of the last copy."""
        self.lost = 0
        """Copies of that run that it has not sent."""
        self.over = ""
        """The run of which it has said that there are no more."""
        self._pending: deque[Ticket] = deque()

    def add(self, number: int) -> Ticket:
        """A copy has come."""
        ticket = Ticket(number)
        self._pending.append(ticket)
        return ticket

    def of_run(self, run: str, lost: int) -> None:
        """The worker says how many copies of this run it could not send."""
        self.run, self.lost = run, lost

    def acknowledged(self) -> int | None:
        """The number up to which all copies are done with, where that is news."""
        number = None
        while self._pending and self._pending[0].done:
            number = self._pending.popleft().number
        return number


class CopiedRun:
    """The copies of one run."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.problem: str | None = None
        """Why nothing can be made of it."""
        self.ends = False
        """Whether the run is over, and only what is under way may still come."""
        self.over = False
        """Whether nothing more becomes of it."""
        self.copies = 0
        self.first_event: int | None = None
        """The first after the start event of which a copy came."""
        self.reduced = 0
        self.failed = 0
        self._faults = Faults()
        self._slots: dict[frozenset[str], int] = {}
        self._seen: dict[int, RangeSet] = {}
        self._open: dict[Delivery, Ticket] = {}

    def admit(self, event: int, streams: Iterable[str], ticket: Ticket) -> int | None:
        """The slot under which this delivery is worked on; None where it was had before: what all workers see comes from each."""
        key = frozenset(streams)
        slot = self._slots.setdefault(key, len(self._slots))
        seen = self._seen.setdefault(slot, RangeSet())
        if not seen.add(event, event + 1):
            ticket.done = True
            return None
        seen.remove(0, event - SEEN_BACK)
        self.copies += 1
        if event > 0:
            self.first_event = event if self.first_event is None else min(event, self.first_event)
        self._open[slot, event] = ticket
        return slot

    def settle(self, slot: int, events: list[Range], failure: Failure | None, worker: str) -> None:
        """So it ended for these deliveries of one slot."""
        if failure is not None and not events:
            self._faults.add(failure, worker, None)
        for first, stop in events:
            for event in range(first, stop):
                if (ticket := self._open.pop((slot, event), None)) is not None:
                    ticket.done = True
                if failure is not None:
                    self._faults.add(failure, worker, event)
            if failure is None:
                self.reduced += stop - first
            else:
                self.failed += stop - first

    def give_up(self) -> None:
        """Nothing more becomes of what is open."""
        for ticket in self._open.values():
            ticket.done = True
        self._open.clear()

    @property
    def waiting(self) -> int:
        """Deliveries that are not done with."""
        return len(self._open)

    def told(self) -> dict[str, Any]:
        """For people: how it goes."""
        return {
            "run": self.run,
            "copies": self.copies,
            "first_event": self.first_event,
            "reduced": self.reduced,
            "failed": self.failed,
            "waiting": self.waiting,
            "problem": self.problem,
            "failures": [
                {
                    "where": one.failure.where,
                    "error": one.failure.error,
                    "message": one.failure.message,
                    "count": one.count,
                }
                for one in self._faults.groups[:MOST_TOLD]
            ],
        }

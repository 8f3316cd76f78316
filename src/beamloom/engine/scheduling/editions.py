"""Which version of the analysis' code has which events of a run.

Policy: an edition is one version of the workers' code. A run begins with what is there; a new edition begins with the next event that has
not been given out, and from there on no worker of an older one is given anything; a constraint that is with one of those goes on when that
is through. Events before it stay with the older edition as long as one of its workers is there, and go to a newer one else: no event
waits for code that is gone.

Invariant: what is said of who made an event follows from the worker whose result was taken, whatever was planned; of what a controller has
not heard before it died, from the worker that its successor knows to have it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from beamloom.engine.ranges import Range, RangeSet

EVERY = 1 << 40
"""The edition of a worker that has no code of the analysis: it serves all of them, and makes nothing of a result."""


class Edition(msgspec.Struct, frozen=True):
    """One version of the workers' code."""

    number: int
    """From 0; a newer one has a higher number."""
    classes: list[str] = []
    """As module:Class."""
    digest: str = ""
    """Of the files that the classes were imported from; empty where they are not known."""
    code: dict[str, str] = {}
    """Its version: commit_hash, branch_name, timestamp, repository_url; empty where it is not known."""


class EditionRecord(msgspec.Struct, frozen=True):
    """An edition in a run."""

    edition: Edition
    first_event: int
    """From which it was meant for all events."""


class EditionMade(msgspec.Struct, frozen=True):
    """What an edition has made of the result of a run."""

    edition: Edition
    first_event: int
    """From which it was meant for all events."""
    events: list[Range] | None
    """Of the result; None: all that no other edition has made."""

    def to_json(self) -> dict[str, Any]:
        """As files and programs have it, ``events`` as pairs of first and last."""
        return {
            "edition": self.edition.number,
            "first_event": self.first_event,
            "classes": self.edition.classes,
            "digest": self.edition.digest,
            "code": self.edition.code,
            "events": None if self.events is None else [[first, stop - 1] for first, stop in self.events],
        }


class Editions:
    """The editions of one run, and what each has made."""

    def __init__(self) -> None:
        self.records: list[EditionRecord] = []
        """In the order in which they began; one that held for no event is not among them."""
        self._made: dict[int, RangeSet] = {}

    def begin(self, edition: Edition, first_event: int) -> int:
        """``edition`` is meant for all events from ``first_event`` on, which is returned."""
        self.records = [one for one in self.records if one.first_event < first_event]
        self.records.append(EditionRecord(edition, first_event))
        return first_event

    @property
    def latest(self) -> EditionRecord | None:
        """The one that holds now; None where nobody has named any."""
        return self.records[-1] if self.records else None

    def took(self, number: int | None, first: int, stop: int) -> None:
        """The results of these events, of a worker of this edition, were taken; None: of one that is not in the run any more.

        The start event, which each worker sees that comes, counts for the first edition.
        """
        if number is None or number == EVERY or (not self._made and number == self._first):
            return
        for made in self._made.values():
            made.remove(first, stop)
        if number != self._first:
            self._made.setdefault(number, RangeSet()).add(max(first, 1), max(stop, 1))

    @property
    def _first(self) -> int:
        """The one that the run began with; 0 where nobody has named it."""
        named = self.records and self.records[0].first_event == 0
        return self.records[0].edition.number if named else 0

    def so_far(self, reduced: RangeSet) -> list[EditionMade]:
        """What each edition has made of the events in ``reduced``."""
        return [
            EditionMade(
                one.edition,
                one.first_event,
                None if one.edition.number == self._first else list(self.made(one.edition.number, reduced)),
            )
            for one in self.records
        ]

    def made(self, number: int, reduced: RangeSet) -> RangeSet:
        """The events of those in ``reduced`` whose results an edition has made; an event with several deliveries counts for the last."""
        if number != self._first:
            own = self._made.get(number, RangeSet())
            return RangeSet(part for first, stop in reduced for part in own.within(first, stop))
        left = reduced.copy()
        for made in self._made.values():
            for first, stop in made:
                left.remove(first, stop)
        return left

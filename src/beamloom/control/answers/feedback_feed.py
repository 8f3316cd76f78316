"""The feedback of all runs as one sequence that a client follows from where it was, over any number of connections and controllers.

A place in it is written ``RUN:NUMBER``: all up to this number of that run are known, and of the runs before it. Whoever asks with a place
gets what comes behind it, of that run and then of those after it, each piece once and in order. All that is not filled in here is computed
in the controller's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from beamloom.control.asking import BadRequest
from beamloom.control.views.run_records import record_with_id, records_of
from beamloom.engine.feedback import Feedback

MOST_AT_ONCE = 500
"""Pieces in one answer."""
MOST_DIGITS = 15


class Place(NamedTuple):
    """Where a client is."""

    run: str | None
    """None: before the first run."""
    number: int

    def __str__(self) -> str:
        return f"{self.run or ''}:{self.number}"


class Part(NamedTuple):
    """What comes behind a place."""

    found: list[tuple[str, Feedback]]
    """Each with its run."""
    place: Place
    """Behind what was found."""
    over: bool
    """Whether the run of that place has ended and everything of it was found."""
    missed: int
    """How many pieces between the place and what was found are not kept any more."""
    more: bool
    """Whether there is more than was found."""

    def to_json(self, kinds: Collection[str]) -> dict[str, Any]:
        """As all see it who ask, of these kinds; of all where there are none."""
        return {
            "feedback": [one.to_json(run) for run, one in self.found if not kinds or one.kind in kinds],
            "place": str(self.place),
            "over": self.over,
            "missed": self.missed,
        }


def place_of(text: str, present: str | None) -> Place | None:
    """What a client says of where it is; None where it says nothing. A number alone is one of the ``present`` run. Raises BadRequest."""
    if not text:
        return None
    run, colon, number = text.rpartition(":")
    if not number.isdecimal() or len(number) > MOST_DIGITS:
        raise BadRequest(
            f"after is the number of a piece of feedback, such as after=12, or a place as it was told, such as after=RUN:12, "
            f"not {text!r:.60}"
        )
    return Place((run or None) if colon else present, int(number))


def beginning(controller: Any, run: str | None, most: int | None) -> Place:
    """Where a client begins that says nothing: with all of the run that it names, or of the one that goes on; behind one that has ended.

    ``most``: with so many of the latest pieces at most. Raises NoSuchEvent.
    """
    records = records_of(controller)
    if run is None:
        record = records[-1] if records else None
        skipped = record is not None and record.finished
    else:
        record, skipped = record_with_id(records, run), False
    if record is None:
        return Place(None, 0)
    last = record.last_feedback
    return Place(record.run_id, last if skipped else 0 if most is None else max(0, last - most))


def present_run(controller: Any) -> str | None:
    """The id of the run that goes on, or of the last one."""
    records = records_of(controller)
    return records[-1].run_id if records else None


def behind(controller: Any, place: Place, *, alone: bool) -> Part:
    """What comes behind a place; ``alone``: of its run only. Raises NoSuchEvent where that run is not known."""
    records = records_of(controller)
    if alone:
        record_with_id(records, place.run)
    if not records:
        return Part([], Place(None, 0), over=False, missed=0, more=False)
    names = [record.run_id for record in records]
    if place.run in names:
        at = names.index(place.run)
    else:
        # Of a run that is not remembered nothing can be told any more: go on with the present one.
        at, place = (0 if place.run is None else len(records) - 1), Place(None, 0)
    found: list[tuple[str, Feedback]] = []
    missed = 0
    for record in records[at : at + 1] if alone else records[at:]:
        number = place.number if record.run_id == place.run else 0
        if record.last_feedback > number:
            log = record.feedback
            missed += max(0, log.forgotten - number)
            some = log.since(number, MOST_AT_ONCE - len(found))
            found += [(record.run_id, one) for one in some]
            number = some[-1].number if some else log.last
        place = Place(record.run_id, number)
        if len(found) >= MOST_AT_ONCE:
            break
    more = record.last_feedback > place.number or (not alone and record is not records[-1])
    return Part(found, place, not more and bool(record.finished), missed, more)


class Bell:
    """Wakes those who wait for feedback, in the thread of an event loop, when the controller's thread says that there is some."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def ring(self) -> None:
        """There is something; may be called in any thread."""
        for event, loop in list(self._waiting.items()):
            with contextlib.suppress(RuntimeError):  # that loop has ended
                loop.call_soon_threadsafe(event.set)

    @contextlib.contextmanager
    def heard(self) -> Iterator[Callable[[float], Any]]:
        """While this is open nothing is missed; gives what waits for the next ring, for so many seconds at most."""
        event = asyncio.Event()
        self._waiting[event] = asyncio.get_running_loop()

        async def wait(seconds: float) -> bool:
            """Whether it rang."""
            try:
                await asyncio.wait_for(event.wait(), seconds)
            except TimeoutError:
                return False
            event.clear()
            return True

        try:
            yield wait
        finally:
            self._waiting.pop(event, None)

"""What becomes of events, as it happens: the controller's stream, taken up again where it broke off, with nothing told twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from beamloom.client._http import Service
from beamloom.client._run import Failed, Lost, Settled
from beamloom.engine.ranges import RangeSet
from beamloom.errors import NotReachable, TimedOut

T = TypeVar("T", Failed, Lost)
LONGEST_SILENCE = 15.0
"""Seconds; the controller says more often that it is still there."""
PAUSE_SECONDS = 0.2
"""Before the stream is asked for again."""


def settled_events(controller: Service, *, timeout: float | None, follow: bool) -> Iterator[Settled]:
    """News until the run is over; with ``follow`` also those of the runs after it.

    Raises TimedOut where nothing has become of any event for ``timeout`` seconds.
    """
    told: dict[str, RangeSet] = {}
    run: str | None = None
    since = time.monotonic()
    while True:
        problem: Exception | None = None
        silence = LONGEST_SILENCE if timeout is None else min(LONGEST_SILENCE, max(timeout, 0.01))
        try:
            with controller.stream("/api/v1/events", silence) as lines:
                for line in lines:
                    if line.startswith("data:"):
                        news = msgspec.json.decode(line[5:], type=Settled)
                        if news.run != run:
                            run, told = news.run, {}
                        news = _untold(news, told)
                        yield news
                        since = time.monotonic()
                        if news.finished and not follow:
                            return
                    _check(since, timeout)
        except (NotReachable, TimedOut) as error:
            problem = error
        _check(since, timeout, problem)
        time.sleep(PAUSE_SECONDS)


def _check(since: float, timeout: float | None, problem: Exception | None = None) -> None:
    if timeout is not None and time.monotonic() - since >= timeout:
        why = "" if problem is None or isinstance(problem, TimedOut) else f": {problem}"
        raise TimedOut(f"nothing has become of any event for {timeout:g} s{why}") from problem


def _untold(news: Settled, told: dict[str, RangeSet]) -> Settled:
    """Without what was told before the connection broke off; from now on it is told."""
    reduced, failed, lost = (told.setdefault(state, RangeSet()) for state in ("reduced", "failed", "lost"))
    return msgspec.structs.replace(
        news,
        reduced=[part for events in news.reduced for part in _missing(events, reduced)],
        failed=_parts(news.failed, failed),
        lost=_parts(news.lost, lost),
    )


def _parts(entries: list[T], told: RangeSet) -> list[T]:
    return [
        msgspec.structs.replace(entry, events=part)
        for entry in entries
        for part in _missing(entry.events, told)
    ]


def _missing(events: tuple[int, int], told: RangeSet) -> list[tuple[int, int]]:
    first, last = events
    fresh = told.missing(first, last + 1)
    told.add(first, last + 1)
    return [(begin, stop - 1) for begin, stop in fresh]

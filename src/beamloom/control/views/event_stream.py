"""What became of events, as it happens: server-sent events whose size depends on what is new, and not on how often a client looks.

Every client has its own account of what it has been told. A few times a second the difference to the ledger is sent as ranges, so that a
slow client gets fewer and larger messages, never more and never less of the truth. The first message tells all that is settled so far.
Where an event that was told as one thing turns out to be another, it is told again: the last word counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from beamloom.control.views.runs import RunRecord
from beamloom.engine.ranges import RangeSet

LOOK_SECONDS = 0.1
"""Between two looks at the ledger."""
SILENCE_SECONDS = 5.0
"""After which a comment tells that the connection still stands."""

Columns: TypeAlias = tuple[list[int], list[int]]
Edges: TypeAlias = npt.NDArray[np.int64]
"""First number, number past the last, and so on, of all ranges of a set."""


class Account(NamedTuple):
    """A copy of what the ledger says; the lists are nobody else's."""

    run: str | None
    phase: str
    finished: bool
    total: int | None
    reduced: Columns
    failed: Columns
    lost: Columns
    losses: list[tuple[int, int, str]]
    failures: list[tuple[str, str, Columns]]


class Mark(NamedTuple):
    """Where a client is: the ledger is only copied where this has changed."""

    run: str | None = None
    settled: tuple[int, int, int] = (-1, -1, -1)
    """How many events are reduced, failed, lost."""
    phase: str = ""


def mark_of(record: RunRecord | None) -> Mark:
    """Where the run is."""
    if record is None:
        return Mark(None, (0, 0, 0), "idle")
    phase = "finished" if record.finished else str(record.run.phase)
    ledger = record.run.ledger
    return Mark(record.run.run_id, (len(ledger.reduced), len(ledger.failed), len(ledger.lost)), phase)


def account_of(record: RunRecord | None, known: Mark) -> tuple[Mark, Account | None]:
    """Where the run is, and its account unless that is known already; to be called in the thread that owns the run."""
    mark = mark_of(record)
    if mark == known:
        return mark, None
    if record is None:
        nothing: Columns = ([], [])
        return mark, Account(None, "idle", False, 0, nothing, nothing, nothing, [], [])
    ledger = record.run.ledger
    return mark, Account(
        mark.run,
        mark.phase,
        record.finished,
        ledger.total,
        ledger.reduced.columns(),
        ledger.failed.columns(),
        ledger.lost.columns(),
        [(loss.first, loss.stop, loss.cause) for loss in ledger.losses],
        [
            (group.failure.error, group.failure.message, group.events.columns())
            for group in record.run.faults.groups
        ]
        if len(ledger.failed)
        else [],
    )


class Told:
    """What one client has been told."""

    def __init__(self) -> None:
        self._run: str | None = None
        self._told: dict[str, Edges] = {}

    def news(self, account: Account) -> dict[str, Any]:
        """What is settled by now and has not been told; from now on it has."""
        if account.run != self._run:
            self._run, self._told = account.run, {}
        return {
            "run": account.run,
            "phase": account.phase,
            "finished": account.finished,
            "total_events": account.total,
            "reduced": [[first, stop - 1] for first, stop in self._fresh("reduced", account.reduced)],
            "failed": list(_with_failures(self._fresh("failed", account.failed), account.failures)),
            "lost": list(_with_causes(self._fresh("lost", account.lost), account.losses)),
        }

    def _fresh(self, state: str, columns: Columns) -> list[list[int]]:
        edges = np.asarray(columns, np.int64).T.ravel()
        known = self._told.get(state, np.empty(0, np.int64))
        self._told[state] = edges
        return _added(known, edges)


def _added(known: Edges, edges: Edges) -> list[list[int]]:
    """The ranges that are in ``edges`` and not in ``known``."""
    places = np.unique(np.concatenate([known, edges]))
    # Behind an odd number of edges, a place is within a range.
    inside = np.searchsorted(edges, places, "right") % 2 > np.searchsorted(known, places, "right") % 2
    turns = np.flatnonzero(np.diff(inside, prepend=False))
    added: list[list[int]] = places[turns].reshape(-1, 2).tolist()
    return added


def _with_failures(
    fresh: list[list[int]], failures: list[tuple[str, str, Columns]]
) -> Iterator[dict[str, Any]]:
    left = RangeSet((first, stop) for first, stop in fresh)
    for error, message, columns in failures:
        if not left:
            return
        for first, stop in zip(*columns, strict=True):
            for begin, end in left.remove(first, stop):
                yield {"events": [begin, end - 1], "error": error, "message": message}
    for first, stop in left:
        yield {"events": [first, stop - 1], "error": "", "message": ""}


def _with_causes(fresh: list[list[int]], losses: list[tuple[int, int, str]]) -> Iterator[dict[str, Any]]:
    left = RangeSet((first, stop) for first, stop in fresh)
    for first, stop, cause in losses:
        if not left:
            return
        for begin, end in left.remove(first, stop):
            yield {"events": [begin, end - 1], "cause": cause}


def _message(told: Told, account: Account) -> bytes:
    return b"event: settled\ndata: " + msgspec.json.encode(told.news(account)) + b"\n\n"


Look: TypeAlias = Callable[[Mark], Awaitable[tuple[Mark, Account | None]]]


async def lines(look: Look, is_over: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
    """The body of the answer, without end: until ``is_over``."""
    told, mark = Told(), Mark()
    silent = 0.0
    while not await is_over():
        mark, account = await look(mark)
        if account is not None:
            # A run with very many ranges takes a while; the server goes on answering others meanwhile.
            message = await asyncio.to_thread(_message, told, account)
            del account  # a client that does not read keeps no copy of the ledger
            yield message
            silent = 0.0
        elif silent >= SILENCE_SECONDS:
            yield b": nothing new\n\n"
            silent = 0.0
        await asyncio.sleep(LOOK_SECONDS)
        silent += LOOK_SECONDS

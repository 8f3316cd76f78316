"""Chunks: released, leased, settled.

A chunk is ready, leased, done or failed. A lease is an attempt with a number; whatever comes back under another number than the chunk's
present one is not taken, so that no result counts twice, however late a worker that was given up may be.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from beamloom.rules.cutting import Cut
from beamloom.rules.errors import LedgerError
from beamloom.rules.ledger import steps
from beamloom.rules.ledger.schema import DONE, FAILED, LEASED, READY
from beamloom.rules.ledger.steps import Settled
from beamloom.rules.policy import Retries
from beamloom.rules.spec import ENDED, Done, Failed, Lease, Outcome, Returned, StepSpec


def release(connection: sqlite3.Connection, step: int, cuts: Sequence[Cut]) -> None:
    """Add the chunks, which begin where the ones before end. Raises LedgerError where they do not."""
    if not cuts:
        return
    released, number = connection.execute(
        "SELECT released, chunks FROM steps WHERE id = ?", (step,)
    ).fetchone()
    rows = []
    for start, stop in cuts:
        if start != released or stop <= start:
            raise LedgerError(f"frames {start} to {stop} cannot be released after the first {released}")
        rows.append((step, number, start, stop))
        released, number = stop, number + 1
    connection.executemany("INSERT INTO chunks (step, number, start, stop) VALUES (?, ?, ?, ?)", rows)
    connection.execute(
        "UPDATE steps SET released = ?, chunks = ?, trouble = '' WHERE id = ?", (released, number, step)
    )


def claim(connection: sqlite3.Connection, step: int, most: int, now: float) -> list[tuple[Lease, Cut]]:
    """Lease up to ``most`` ready chunks of a step, the first ones first."""
    rows = connection.execute(
        "SELECT number, start, stop, attempt + 1 FROM chunks WHERE step = ? AND state = 0 AND not_before <= ? ORDER BY number LIMIT ?",
        (step, now, most),
    ).fetchall()
    connection.executemany(
        "UPDATE chunks SET state = ?, attempt = attempt + 1 WHERE step = ? AND number = ?",
        [(LEASED, step, number) for number, *_ in rows],
    )
    return [(Lease(step, number, attempt), Cut(start, stop)) for number, start, stop, attempt in rows]


def take(connection: sqlite3.Connection, outcome: Outcome, now: float) -> Settled | None:
    """What became of a lease; None where the lease does not hold any more."""
    lease = outcome.lease
    found = connection.execute(
        "SELECT chunks.state, attempt, since, steps.state, spec FROM chunks JOIN steps ON id = step WHERE step = ? AND number = ?",
        (lease.step, lease.chunk),
    ).fetchone()
    if found is None or found[:2] != (LEASED, lease.attempt) or found[3] in ENDED:
        return None
    if isinstance(outcome, Returned):
        _move(connection, lease, READY)
    elif isinstance(outcome, Done):
        _done(connection, outcome)
    else:
        retries = msgspec.json.decode(found[4], type=StepSpec).retries
        _failed(connection, outcome, retries, found[2], now)
    return steps.settle(connection, lease.step, now)


def file_gone(connection: sqlite3.Connection, output: int, sentence: str, now: float) -> Settled:
    """A file that waited for its name is not there any more: the attempt that wrote it has failed after all."""
    step, chunk, attempt, since, spec = connection.execute(
        "SELECT outputs.step, chunk, attempt, since, spec FROM outputs JOIN steps ON steps.id = outputs.step "
        "JOIN chunks ON chunks.step = outputs.step AND number = chunk WHERE outputs.id = ?",
        (output,),
    ).fetchone()
    connection.execute("DELETE FROM outputs WHERE step = ? AND chunk = ? AND NOT published", (step, chunk))
    retries = msgspec.json.decode(spec, type=StepSpec).retries
    kinds = [cls.__name__ for cls in FileNotFoundError.__mro__ if cls is not object]
    _failed(connection, Failed(Lease(step, chunk, attempt), kinds, sentence), retries, since, now)
    return steps.settle(connection, step, now)


def take_back(connection: sqlite3.Connection) -> int:
    """All that was leased is ready again: whoever had it is gone. How many chunks."""
    return connection.execute("UPDATE chunks SET state = 0 WHERE state = 1").rowcount


def _move(connection: sqlite3.Connection, lease: Lease, state: int, not_before: float = 0.0) -> None:
    connection.execute(
        "UPDATE chunks SET state = ?, not_before = ? WHERE step = ? AND number = ?",
        (state, not_before, lease.step, lease.chunk),
    )


def _done(connection: sqlite3.Connection, done: Done) -> None:
    lease = done.lease
    connection.execute(
        "UPDATE chunks SET state = ?, seconds = ?, value = ?, file = ? WHERE step = ? AND number = ?",
        (DONE, done.seconds, done.value, done.file, lease.step, lease.chunk),
    )
    connection.executemany(
        "INSERT INTO outputs (step, chunk, key, requested, staged) VALUES (?, ?, ?, ?, ?)",
        [(lease.step, lease.chunk, one.key, one.requested, one.staged) for one in done.outputs],
    )


def _failed(connection: sqlite3.Connection, failed: Failed, retries: Retries, since: int, now: float) -> None:
    lease = failed.lease
    connection.execute(
        "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(lease.step, lease.chunk, lease.attempt, now),
            *(msgspec.json.encode(failed.classes), failed.message, failed.traceback),
        ),
    )
    kinds = connection.execute(
        "SELECT classes FROM attempts WHERE step = ? AND chunk = ? AND attempt > ? ORDER BY attempt",
        (lease.step, lease.chunk, since),
    ).fetchall()
    pause = retries.after([msgspec.json.decode(kind, type=list[str]) for (kind,) in kinds])
    if pause is None:
        _move(connection, lease, FAILED)
    else:
        _move(connection, lease, READY, now + pause)

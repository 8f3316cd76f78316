"""Files of a step: written first, then named.

A task writes under a name that nobody reads. When its chunk is done the ledger has that name and the one that was asked for; then the
file is given its name, and the ledger is told. A crash between any two of these is made good by doing the last one again.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from beamloom.rules.ledger import steps
from beamloom.rules.ledger.steps import Settled


class Unpublished(NamedTuple):
    """A file that is to be given its name."""

    id: int
    step: int
    key: str
    requested: str
    staged: str
    actual: str | None
    """The name that was chosen for it, where that is known."""
    before: str | None
    """The file of an earlier attempt of the same step that it replaces."""


class Output(NamedTuple):
    """A file that has its name."""

    key: str
    requested: str
    actual: str


def unpublished(connection: sqlite3.Connection) -> list[Unpublished]:
    """All files that wait for their name, the oldest first; those of a step that has ended otherwise get none."""
    rows = connection.execute(
        "SELECT new.id, new.step, new.key, new.requested, new.staged, new.actual, (SELECT old.actual FROM outputs AS old "
        "WHERE old.step = new.step AND old.chunk = new.chunk AND old.requested = new.requested AND old.key = new.key AND old.published "
        "ORDER BY old.id DESC LIMIT 1) "
        "FROM outputs AS new JOIN steps ON steps.id = new.step "
        "WHERE NOT new.published AND state IN ('running', 'gathering') ORDER BY new.id"
    ).fetchall()
    return [Unpublished(*row) for row in rows]


def choose(connection: sqlite3.Connection, output: int, actual: str) -> None:
    """``actual`` is the name that the file will have."""
    connection.execute("UPDATE outputs SET actual = ? WHERE id = ?", (actual, output))


def published(connection: sqlite3.Connection, output: int, now: float) -> Settled:
    """The file has its name; an earlier one of the same step does not count any more."""
    step, chunk, key, requested = connection.execute(
        "SELECT step, chunk, key, requested FROM outputs WHERE id = ?", (output,)
    ).fetchone()
    connection.execute(
        "DELETE FROM outputs WHERE step = ? AND chunk = ? AND key = ? AND requested = ? AND published",
        (step, chunk, key, requested),
    )
    connection.execute("UPDATE outputs SET published = 1 WHERE id = ?", (output,))
    return steps.settle(connection, step, now)


def of_step(connection: sqlite3.Connection, step: int) -> list[Output]:
    """The files of a step, in the order of its chunks."""
    rows = connection.execute(
        "SELECT key, requested, actual FROM outputs WHERE step = ? AND published ORDER BY chunk, id", (step,)
    )
    return [Output(*row) for row in rows]


def renamed(connection: sqlite3.Connection, step: int) -> dict[str, str]:
    """For the run of ``step``: what was asked for, and the name that it got instead."""
    rows = connection.execute(
        "SELECT requested, actual FROM outputs JOIN steps ON steps.id = outputs.step "
        "WHERE published AND requested != actual AND run = (SELECT run FROM steps WHERE id = ?) ORDER BY outputs.id",
        (step,),
    )
    return dict(rows.fetchall())

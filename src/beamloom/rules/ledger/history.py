"""What was submitted, when and by whom, and what became of it: for lists and pages, answered in the time of what is shown."""

from __future__ import annotations

import sqlite3
from typing import Final, Literal

import msgspec

from beamloom.rules.ledger import views
from beamloom.rules.ledger.schema import DONE, FAILED, LEASED, READY
from beamloom.rules.ledger.views import StepView
from beamloom.rules.policy import Condition
from beamloom.rules.spec import Link, Submission

ChunkState = Literal["ready", "leased", "done", "failed"]
STATES: Final[dict[int, ChunkState]] = {READY: "ready", LEASED: "leased", DONE: "done", FAILED: "failed"}
_NUMBERS: Final = {name: number for number, name in STATES.items()}
GOING_ON: Final = "SELECT run FROM steps WHERE state IN ('waiting', 'running', 'gathering')"
"""The submissions that are not over."""


class RunView(msgspec.Struct, frozen=True):
    """Steps that were submitted together, and how they follow each other."""

    id: int
    created: float
    submission: Submission
    """Empty where a program has pushed the steps itself."""
    steps: list[StepView]
    links: list[Link]
    """With the ids of the steps."""


class ChunkView(msgspec.Struct, frozen=True):
    """A chunk as it is now; the one that gathers the results of all has the number -1."""

    number: int
    start: int
    stop: int
    state: ChunkState
    attempts: int
    seconds: float | None
    """That its last attempt took, where it is done."""
    error: str | None
    """Of the last attempt that failed."""


def runs(connection: sqlite3.Connection, most: int, before: int | None, active: bool | None) -> list[RunView]:
    """The latest submissions first; see ``Ledger.runs``."""
    which = {None: "", True: f"AND id IN ({GOING_ON})", False: f"AND id NOT IN ({GOING_ON})"}[active]
    rows = connection.execute(
        f"SELECT id FROM runs WHERE (? IS NULL OR id < ?) {which} ORDER BY id DESC LIMIT ?",
        (before, before, most),
    ).fetchall()
    return [run(connection, number) for (number,) in rows]


def run(connection: sqlite3.Connection, number: int) -> RunView:
    """One submission. Raises KeyError."""
    found = connection.execute(
        "SELECT created, key, title, by, written FROM runs LEFT JOIN submissions ON run = id WHERE id = ?",
        (number,),
    ).fetchone()
    if found is None:
        raise KeyError(number)
    created, key, title, by, written = found
    ids = connection.execute("SELECT id FROM steps WHERE run = ? ORDER BY id", (number,)).fetchall()
    links = connection.execute(
        "SELECT parent, child, condition FROM links JOIN steps ON id = parent WHERE run = ? ORDER BY parent, child",
        (number,),
    )
    return RunView(
        number,
        created,
        Submission(key=key, title=title or "", by=by or "", written=written or ""),
        [views.step(connection, step) for (step,) in ids],
        [
            Link(parent, child, msgspec.json.decode(condition, type=Condition))
            for parent, child, condition in links
        ],
    )


def chunks(
    connection: sqlite3.Connection, step: int, most: int, first: int, state: ChunkState | None
) -> list[ChunkView]:
    """Chunks from the number ``first`` on; see ``Ledger.chunks``."""
    which = "" if state is None else f"AND state = {_NUMBERS[state]}"
    rows = connection.execute(
        "SELECT number, start, stop, state, attempt, seconds, (SELECT message FROM attempts WHERE attempts.step = chunks.step "
        "AND chunk = number ORDER BY attempts.attempt DESC LIMIT 1) "
        f"FROM chunks WHERE step = ? AND number >= ? {which} ORDER BY number LIMIT ?",
        (step, first, most),
    )
    return [
        ChunkView(number, start, stop, STATES[state], attempts, seconds, error)
        for number, start, stop, state, attempts, seconds, error in rows
    ]

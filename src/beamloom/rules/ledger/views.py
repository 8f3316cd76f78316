"""What people ask the ledger: how far a step is, what failed and why."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from beamloom.rules.ledger import outputs
from beamloom.rules.ledger.outputs import Output
from beamloom.rules.ledger.schema import FAILED
from beamloom.rules.spec import GATHER, Part, StepSpec


class ErrorGroup(msgspec.Struct, frozen=True):
    """Attempts that failed in the same way."""

    kind: str
    message: str
    """The first line."""
    chunks: int
    final: int
    """Of these, so many are given up; the others were or will be tried again."""
    frames: list[tuple[int, int]]
    """The frames of those given up, as ranges without their ends."""
    traceback: str
    """Of the first one."""


class StepView(msgspec.Struct, frozen=True):
    """A step as it is now."""

    id: int
    run: int
    spec: StepSpec
    state: str
    priority: int
    created: float
    started: float | None
    finished: float | None
    released: int
    final: int | None
    reason: str
    trouble: str
    chunks: int
    ready: int
    leased: int
    frames_done: int
    frames_failed: int
    parents: list[int]
    children: list[int]
    outputs: list[Output]


_COLUMNS = (
    "id, run, spec, state, priority, created, started, finished, released, final, reason, trouble, chunks, ready, leased, "
    "frames_done, frames_failed"
)


def step(connection: sqlite3.Connection, number: int) -> StepView:
    """One step. Raises KeyError."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM steps WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise KeyError(number)
    return _view(connection, row)


def all_steps(connection: sqlite3.Connection, most: int) -> list[StepView]:
    """The latest steps, in the order in which they were submitted."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM steps ORDER BY id DESC LIMIT ?", (most,)).fetchall()
    return [_view(connection, row) for row in reversed(rows)]


def errors(connection: sqlite3.Connection, number: int) -> list[ErrorGroup]:
    """What went wrong in a step, most frequent first; each chunk counts with its latest error."""
    rows = connection.execute(
        "SELECT classes, message, MIN(traceback), chunks.state, start, stop, number FROM attempts "
        "JOIN chunks ON chunks.step = attempts.step AND number = chunk "
        "WHERE attempts.step = ? AND attempts.attempt = "
        "(SELECT MAX(a.attempt) FROM attempts AS a WHERE a.step = attempts.step AND a.chunk = attempts.chunk) "
        "GROUP BY number ORDER BY number",
        (number,),
    ).fetchall()
    groups: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for row in rows:
        kind = msgspec.json.decode(row[0], type=list[str])[0]
        groups.setdefault((kind, row[1].partition("\n")[0]), []).append(row)
    found = [
        ErrorGroup(
            kind=kind,
            message=message,
            chunks=len(members),
            final=sum(member[3] == FAILED for member in members),
            frames=joined([(row[4], row[5]) for row in members if row[3] == FAILED and row[6] != GATHER]),
            traceback=members[0][2],
        )
        for (kind, message), members in groups.items()
    ]
    return sorted(found, key=lambda group: -group.chunks)


def parts(connection: sqlite3.Connection, number: int) -> tuple[list[Part], list[tuple[int, int]]]:
    """What the chunks of a step have left, in order, and the frames that failed."""
    rows = connection.execute(
        "SELECT start, stop, file, value FROM chunks WHERE step = ? AND state = 2 AND number >= 0 ORDER BY number",
        (number,),
    ).fetchall()
    failed = connection.execute(
        "SELECT start, stop FROM chunks WHERE step = ? AND state = 3 AND number >= 0 ORDER BY number",
        (number,),
    ).fetchall()
    left = [
        Part(start, stop, file, None if value is None else msgspec.json.decode(value))
        for start, stop, file, value in rows
    ]
    return left, joined(failed)


def joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, those that touch as one."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found


def _view(connection: sqlite3.Connection, row: Sequence[Any]) -> StepView:
    number = row[0]
    fields: dict[str, Any] = dict(zip(_COLUMNS.split(", "), row, strict=True))
    del fields["spec"]
    parents = connection.execute("SELECT parent FROM links WHERE child = ? ORDER BY parent", (number,))
    children = connection.execute("SELECT child FROM links WHERE parent = ? ORDER BY child", (number,))
    return StepView(
        **fields,
        spec=msgspec.json.decode(row[2], type=StepSpec),
        parents=[one for (one,) in parents],
        children=[one for (one,) in children],
        outputs=outputs.of_step(connection, number),
    )

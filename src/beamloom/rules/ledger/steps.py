"""Steps: submitted together, started when the steps before allow it, ended when every frame is accounted for.

A step is ended in the transaction that settles its last chunk or gives its last file a name, and what follows it starts there too: there is
no moment at which a crash could leave a chain between two steps.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from beamloom.rules.ledger import submissions
from beamloom.rules.ledger.schema import DONE, FAILED
from beamloom.rules.policy import Condition, all_hold
from beamloom.rules.spec import ENDED, GATHER, Link, StepSpec, Submission


class Settled(msgspec.Struct):
    """What one transaction has set going."""

    started: list[int] = []
    ended: list[int] = []
    late: list[str] = []
    """Files of attempts that do not count any more; nobody needs them."""

    def add(self, other: Settled) -> None:
        """Both together."""
        self.started += other.started
        self.ended += other.ended
        self.late += other.late


def submit(
    connection: sqlite3.Connection,
    specs: Sequence[StepSpec],
    links: Sequence[Link],
    paths: list[str],
    now: float,
    submission: Submission | None = None,
) -> list[int]:
    """Write down steps and their links; the ids, in the order of ``specs``. Those that follow nothing start.

    What was submitted under the same key before is not submitted again: the ids are those of then.
    """
    key = None if submission is None else submission.key
    if key is not None and (before := submissions.submitted(connection, key)):
        return before
    run = connection.execute(
        "INSERT INTO runs (created, paths) VALUES (?, ?)", (now, msgspec.json.encode(paths))
    ).lastrowid
    if submission is not None:
        submissions.note(connection, int(run or 0), submission)
    children = {link.child for link in links}
    ids = []
    for place, spec in enumerate(specs):
        waiting = place in children
        row = (run, msgspec.json.encode(spec), "waiting" if waiting else "running", spec.priority, now)
        found = connection.execute(
            "INSERT INTO steps (run, spec, state, priority, created, started) VALUES (?, ?, ?, ?, ?, ?)",
            (*row, None if waiting else now),
        ).lastrowid
        ids.append(int(found or 0))
    connection.executemany(
        "INSERT INTO links VALUES (?, ?, ?)",
        [(ids[link.parent], ids[link.child], msgspec.json.encode(link.condition)) for link in links],
    )
    return ids


def settle(connection: sqlite3.Connection, step: int, now: float) -> Settled:
    """End the step, or begin to gather its results, if nothing is left to do before that."""
    row = _row(connection, step)
    if row["ready"] or row["leased"]:
        return Settled()
    (unpublished,) = connection.execute(
        "SELECT COUNT(*) FROM outputs WHERE step = ? AND NOT published", (step,)
    ).fetchone()
    if unpublished:
        return Settled()
    if row["state"] == "running":
        if row["final"] is None or row["released"] != row["final"]:
            return Settled()
        spec = msgspec.json.decode(row["spec"], type=StepSpec)
        if spec.gather and (row["frames_done"] or not row["final"]):
            _begin_gathering(connection, step)
            return Settled()
        return end(connection, step, "failed" if row["failed"] else "done", "", now)
    if row["state"] == "gathering":
        (state,) = connection.execute(
            "SELECT state FROM chunks WHERE step = ? AND number = ?", (step, GATHER)
        ).fetchone()
        reason = "the results could not be put together" if state == FAILED else ""
        failed = state == FAILED or row["frames_failed"]
        return end(connection, step, "failed" if failed else "done", reason, now)
    return Settled()


def end(connection: sqlite3.Connection, step: int, state: str, reason: str, now: float) -> Settled:
    """The step has ended; what follows it starts, or is skipped with its reason."""
    connection.execute(
        "UPDATE steps SET state = ?, reason = ?, trouble = '', finished = ? WHERE id = ?",
        (state, reason, now, step),
    )
    settled = Settled(ended=[step])
    children = connection.execute("SELECT child FROM links WHERE parent = ?", (step,)).fetchall()
    for (child,) in children:
        settled.add(_consider(connection, child, now))
    return settled


def cancel(connection: sqlite3.Connection, step: int, reason: str, now: float) -> Settled:
    """End a step that has not ended, with what is under way; nothing that comes back of it counts."""
    if _row(connection, step)["state"] in ENDED:
        return Settled()
    connection.execute(
        "UPDATE chunks SET state = 0, attempt = attempt + 1 WHERE step = ? AND state = 1", (step,)
    )
    return end(connection, step, "cancelled", reason, now)


def retry_failed(connection: sqlite3.Connection, step: int, now: float) -> int:
    """Work off again what failed; how many chunks. Steps that were skipped because of it wait again."""
    row = _row(connection, step)
    if row["state"] not in ("failed", "done"):
        return 0
    connection.execute(
        "UPDATE chunks SET state = 0, since = attempt, not_before = 0 WHERE step = ? AND state = ?",
        (step, FAILED),
    )
    (chunks,) = connection.execute("SELECT changes()").fetchone()
    if not chunks:
        return 0
    (gathering,) = connection.execute(
        "SELECT COUNT(*) FROM chunks WHERE step = ? AND number = ? AND state = 0", (step, GATHER)
    ).fetchone()
    frames_left = chunks - gathering
    connection.execute(
        "UPDATE steps SET state = ?, reason = '', finished = NULL WHERE id = ?",
        ("running" if frames_left else "gathering", step),
    )
    if frames_left and gathering:  # it is gathered again when the others are in
        connection.execute("UPDATE chunks SET state = ? WHERE step = ? AND number = ?", (DONE, step, GATHER))
    _unskip(connection, step)
    return int(chunks)


def _begin_gathering(connection: sqlite3.Connection, step: int) -> None:
    connection.execute(
        "INSERT INTO chunks (step, number, start, stop) VALUES (?, ?, 0, 0) "
        "ON CONFLICT DO UPDATE SET state = 0, since = attempt, not_before = 0",
        (step, GATHER),
    )
    connection.execute("UPDATE steps SET state = 'gathering' WHERE id = ?", (step,))


def _consider(connection: sqlite3.Connection, child: int, now: float) -> Settled:
    """Start a waiting step if all steps before it have ended as they should, skip it if one has not."""
    parents = connection.execute(
        "SELECT state, released, iif(reason = '', frames_failed, 0), condition FROM links JOIN steps ON id = parent "
        "WHERE child = ? ORDER BY parent",
        (child,),
    ).fetchall()
    if _row(connection, child)["state"] != "waiting" or any(state not in ENDED for state, *_ in parents):
        return Settled()
    objection = all_hold(
        msgspec.json.decode(condition, type=Condition).objection(state, frames, failed)
        for state, frames, failed, condition in parents
    )
    if objection:
        return end(connection, child, "skipped", objection, now)
    connection.execute("UPDATE steps SET state = 'running', started = ? WHERE id = ?", (now, child))
    return Settled(started=[child])


def _unskip(connection: sqlite3.Connection, step: int) -> None:
    children = connection.execute(
        "SELECT child FROM links JOIN steps ON id = child WHERE parent = ? AND state = 'skipped'", (step,)
    ).fetchall()
    for (child,) in children:
        connection.execute(
            "UPDATE steps SET state = 'waiting', reason = '', finished = NULL WHERE id = ?", (child,)
        )
        _unskip(connection, child)


def _row(connection: sqlite3.Connection, step: int) -> dict[str, Any]:
    cursor = connection.execute("SELECT * FROM steps WHERE id = ?", (step,))
    row = cursor.fetchone()
    if row is None:
        raise KeyError(step)
    return dict(zip((column[0] for column in cursor.description), row, strict=True))

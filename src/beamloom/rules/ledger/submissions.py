"""What is known of steps that were submitted together, and under which key, so that nothing is submitted twice."""

from __future__ import annotations

import sqlite3

from beamloom.rules.spec import Submission


def note(connection: sqlite3.Connection, run: int, submission: Submission) -> None:
    """Write down what is known of a submission."""
    row = (run, submission.key, submission.title, submission.by, submission.written)
    connection.execute("INSERT INTO submissions (run, key, title, by, written) VALUES (?, ?, ?, ?, ?)", row)


def submitted(connection: sqlite3.Connection, key: str) -> list[int]:
    """The ids of the steps that were submitted under ``key``."""
    rows = connection.execute(
        "SELECT steps.id FROM submissions JOIN steps ON steps.run = submissions.run WHERE key = ? ORDER BY steps.id",
        (key,),
    )
    return [step for (step,) in rows]

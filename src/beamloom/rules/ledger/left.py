"""What earlier processes have left in a ledger, found out without taking it from whoever may have it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from beamloom.rules.ledger.database import FILE
from beamloom.rules.ledger.history import GOING_ON
from beamloom.rules.ledger.redis_journal import redis_ledger_is_there


class Left(NamedTuple):
    """What is there."""

    ledger: bool
    """There ever was a rule."""
    work: bool
    """Something may go on."""


def left_in(folder: Path) -> Left:
    """That in a folder; one that cannot be read may have work: whoever opens it says what is wrong with it."""
    if not (folder / FILE).exists():
        return Left(False, False)
    try:
        with closing(sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True)) as connection:
            return Left(True, connection.execute(f"{GOING_ON} LIMIT 1").fetchone() is not None)
    except sqlite3.Error:
        return Left(True, True)


def left_at(url: str, name: str) -> Left:
    """That at a server, which may have work where it has a ledger, or does not answer. Raises RuleRefused."""
    there = redis_ledger_is_there(url, name)
    return Left(there, there)

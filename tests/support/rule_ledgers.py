"""A ledger of rules as another process sees it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any


def frames_done(folder: Path) -> int:
    """Frames that are worked off of the step that is furthest; 0 where there is no ledger yet."""
    with contextlib.suppress(sqlite3.Error):
        with contextlib.closing(
            sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro", uri=True)
        ) as connection:
            (count,) = connection.execute("SELECT MAX(frames_done) FROM steps").fetchone()
            return int(count or 0)
    return 0


def values(folder: Path) -> list[Any]:
    """What the chunks of all steps have returned, in no order."""
    with contextlib.closing(
        sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro", uri=True)
    ) as connection:
        rows = connection.execute("SELECT value FROM chunks WHERE value IS NOT NULL")
        return [json.loads(value) for (value,) in rows]

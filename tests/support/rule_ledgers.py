"""A ledger of rules as another process sees it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path


def frames_done(folder: Path) -> int:
    """Frames that are worked off of the step that is furthest; 0 where there is no ledger yet."""
    with contextlib.suppress(sqlite3.Error):
        with contextlib.closing(
            sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro", uri=True)
        ) as connection:
            (count,) = connection.execute("SELECT MAX(frames_done) FROM steps").fetchone()
            return int(count or 0)
    return 0

"""Which hits of a run were taken, so that the next process of a reducer does not hand them out again.

A reducer that starts again goes through the results of its journal once more, and offers all hits of the run. A line is written when a
hit is settled, not when it is handed out: hits that were with clients then are handed out again, as when their clients had died.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

_KEPT = 7 * 86400
"""Seconds after which the file of a run that nobody has ended is removed."""


class TakenHits:
    """The settled hits of one run, a number in each line of a file."""

    def __init__(self, folder: Path, run: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        self.path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', run)}.taken"
        self.before = self._read()
        """Those that a process before this one has settled."""
        self._file = self.path.open("a", encoding="ascii")

    def _read(self) -> set[int]:
        try:
            text = self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            return set()
        # What stands behind the last line feed was not written to its end.
        whole = text.rpartition("\n")[0]
        self.path.write_text(whole + "\n" if whole else "", encoding="ascii")
        return {int(line) for line in whole.split()}

    def add(self, number: int) -> None:
        """The hit of this event is settled."""
        self._file.write(f"{number}\n")
        self._file.flush()

    def close(self, *, over: bool) -> None:
        """``over``: nothing more becomes of any hit of the run, and the file is not needed."""
        self._file.close()
        if over:
            self.path.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    for left in folder.glob("*.taken"):
        if left.stat().st_mtime < time.time() - _KEPT:
            left.unlink(missing_ok=True)

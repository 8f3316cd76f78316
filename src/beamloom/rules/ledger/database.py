"""One connection to the file of a ledger, and transactions on it.

A process may be killed at any moment: what was committed is there, what was not is gone. After a power cut the latest moments may be
missing, and are worked off again (``synchronous = NORMAL`` with a write-ahead log).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from beamloom.rules.errors import LedgerError
from beamloom.rules.ledger.schema import TABLES, VERSION

FILE: Final = "ledger.sqlite"


class Database:
    """The file ``ledger.sqlite`` in a folder; threads take turns."""

    def __init__(self, folder: Path) -> None:
        """Opens it, or makes it. Raises LedgerError."""
        self._path = folder / FILE
        self._turn = threading.RLock()
        self._depth = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self._path, timeout=10.0, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise LedgerError(
                    f"{self._path} is a ledger of version {version}, and this is Beamloom with version {VERSION}; "
                    "name another folder, or use the Beamloom that made it"
                )
            self._connection.executescript(TABLES)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"the ledger {self._path} cannot be opened: {error}") from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; within another transaction of the same thread it is part of that. Raises LedgerError."""
        with self._turn:
            if self._depth:
                yield self._connection
                return
            self._depth += 1
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise LedgerError(f"the ledger {self._path} cannot be kept: {error}") from error
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._depth -= 1

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Questions that change nothing. Raises LedgerError."""
        with self._turn:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise LedgerError(f"the ledger {self._path} cannot be read: {error}") from error

    def close(self) -> None:
        """Release the file. May be called twice."""
        with self._turn:
            self._connection.close()

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

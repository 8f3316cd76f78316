"""Transactions on the tables of a ledger, and where they are kept: in a file, or in memory with a journal elsewhere.

A process may be killed at any moment: what was committed is there, what was not is gone. In a file, after a power cut, the latest moments
may be missing, and are worked off again (``synchronous = NORMAL`` with a write-ahead log).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from beamloom.rules.errors import LedgerError
from beamloom.rules.ledger.schema import TABLES, VERSION

FILE: Final = "ledger.sqlite"


class Keeper(Protocol):
    """Keeps what a transaction has changed somewhere else, where the connection itself keeps nothing."""

    def begin(self) -> None:
        """A transaction begins. Raises LedgerError where nothing can be kept any more."""

    def keep(self) -> None:
        """Called before it is committed; when it returns, the transaction is kept. Raises LedgerError where it is not."""

    def kept(self) -> None:
        """Called when it is committed."""

    def close(self) -> None:
        """Called once, at the end."""


class Database:
    """Tables of a ledger; threads take turns."""

    def __init__(self, connection: sqlite3.Connection, name: str, keeper: Keeper | None = None) -> None:
        """``name`` is where they are, for people. Makes the tables that are missing. Raises LedgerError."""
        self._connection = connection
        self._name = name
        self._keeper = keeper
        self._turn = threading.RLock()
        self._depth = 0
        self._closed = False
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise LedgerError(
                    f"{name} is a ledger of version {version}, and this is Beamloom with version {VERSION}; "
                    "name another one, or use the Beamloom that made it"
                )
            connection.executescript(TABLES)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        except sqlite3.Error as error:
            raise LedgerError(f"the ledger {name} cannot be opened: {error}") from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; within another transaction of the same thread it is part of that. Raises LedgerError."""
        with self._turn:
            if self._depth:
                yield self._connection
                return
            self._depth += 1
            try:
                if self._keeper is not None:
                    self._keeper.begin()
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                if self._keeper is not None:
                    self._keeper.keep()
                self._connection.execute("COMMIT")
                if self._keeper is not None:
                    self._keeper.kept()
            except sqlite3.Error as error:
                self._roll_back()
                raise LedgerError(f"the ledger {self._name} cannot be kept: {error}") from error
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
                raise LedgerError(f"the ledger {self._name} cannot be read: {error}") from error

    def close(self) -> None:
        """Release the file. May be called twice."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            self._connection.close()
            if self._keeper is not None:
                self._keeper.close()

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")


def in_folder(folder: Path) -> Database:
    """The file ``ledger.sqlite`` in ``folder``, which is made where it is missing. Raises LedgerError."""
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"the ledger {path} cannot be opened: {error}") from error
    return Database(connection, str(path))

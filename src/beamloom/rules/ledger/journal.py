"""A ledger in memory whose every transaction is appended to a journal on a server before it counts.

The statements of a transaction are the entry. They have no clock and no chance in them, so that carrying them out again, in their order, on
the same tables gives the same tables: whoever opens the journal next goes on where the last entry ends. From time to time the tables as a
whole take the place of the entries before.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from beamloom.rules.errors import LedgerError
from beamloom.rules.ledger.database import Database

ENTRIES: Final = 4000
"""After so many entries the tables as a whole are kept instead."""
NO_CHANGE: Final = ("SELECT", "BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")


class Statement(msgspec.Struct, frozen=True, array_like=True):
    """One statement, with the values of one row or of several."""

    sql: str
    many: bool
    values: list[Any]


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One transaction."""

    name: bytes
    """Tells it from another one with the same statements, so that it is never appended twice."""
    statements: list[Statement]


class Opened(NamedTuple):
    """What a journal has."""

    tables: bytes | None
    entries: list[bytes]


class Journal(Protocol):
    """An append-only list that only the one who has opened it last can append to."""

    def open(self) -> Opened:
        """All that was kept; whoever had it open before can append no more. Raises LedgerError."""

    def append(self, place: int, entry: bytes) -> None:
        """The entry number ``place`` since the tables were kept; twice is as good as once. Raises LedgerError."""

    def replace(self, tables: bytes) -> None:
        """The tables take the place of all entries. Raises LedgerError."""

    def close(self) -> None:
        """Release the connection."""


class Recorder(sqlite3.Connection):
    """Remembers what changes its tables."""

    changes: list[Statement] | None = None
    """Of the transaction that is open."""

    def execute(self, sql: str, values: Iterable[Any] = (), /) -> sqlite3.Cursor:  # type: ignore[override]
        """See ``sqlite3.Connection``."""
        given = list(values)
        self._remember(sql, False, given)
        return super().execute(sql, given)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
        """See ``sqlite3.Connection``."""
        given = [list(row) for row in rows]
        if given:
            self._remember(sql, True, given)
        return super().executemany(sql, given)

    def _remember(self, sql: str, many: bool, values: list[Any]) -> None:
        if self.changes is not None and not sql.lstrip().upper().startswith(NO_CHANGE):
            self.changes.append(Statement(sql, many, values))


class JournalKeeper:
    """Keeps the transactions of one connection in a journal; see ``database.Keeper``.

    An entry that may or may not have been kept leaves nothing to go on with: the tables here could be behind those that others would read.
    So everything is refused after that, until the ledger is opened again.
    """

    def __init__(self, journal: Journal, connection: Recorder, entries: int) -> None:
        self._journal = journal
        self._connection = connection
        self._entries = entries
        self._broken: LedgerError | None = None

    def begin(self) -> None:
        """See ``Keeper``."""
        if self._broken is not None:
            raise self._broken
        self._connection.changes = []

    def keep(self) -> None:
        """See ``Keeper``."""
        changes, self._connection.changes = self._connection.changes, None
        if not changes:
            return
        entry = msgspec.msgpack.encode(Entry(secrets.token_bytes(8), changes))
        self._say(lambda: self._journal.append(self._entries, entry))
        self._entries += 1

    def kept(self) -> None:
        """See ``Keeper``."""
        if self._entries >= ENTRIES:
            self._say(lambda: self._journal.replace(self._connection.serialize()))
            self._entries = 0

    def close(self) -> None:
        """See ``Keeper``."""
        self._journal.close()

    def _say(self, what: Any) -> None:
        try:
            what()
        except LedgerError as error:
            self._broken = error
            raise


def in_journal(journal: Journal, name: str) -> Database:
    """The tables that the journal leads to. Raises LedgerError."""
    try:
        opened = journal.open()
        connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, factory=Recorder
        )
        if opened.tables is not None:
            connection.deserialize(opened.tables)
        database = Database(connection, name, JournalKeeper(journal, connection, len(opened.entries)))
        decoder = msgspec.msgpack.Decoder(Entry)
        connection.execute("BEGIN")
        for one in opened.entries:
            for statement in decoder.decode(one).statements:
                (connection.executemany if statement.many else connection.execute)(
                    statement.sql, statement.values
                )
        connection.execute("COMMIT")
        if opened.tables is None and not opened.entries:
            journal.replace(connection.serialize())  # with the version of the tables
    except (sqlite3.Error, msgspec.DecodeError) as error:
        journal.close()
        raise LedgerError(
            f"the ledger {name} cannot be read: {error}; use the Beamloom that made it, or another name"
        ) from error
    except BaseException:
        journal.close()
        raise
    return database

"""A store in one SQLite file with a write-ahead log.

A process may be killed at any moment: what was committed is there, what was not is gone. ``fsync`` is about the machine: ``never`` leaves
the writing to the system, ``interval`` has the file whole after a power cut though its latest seconds may be missing, ``always`` loses
nothing and costs a wait of the disk for each batch.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from beamloom.store._store import Overtaken, Stored, StoreError

SCHEMA = """
CREATE TABLE IF NOT EXISTS controller (one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, state BLOB);
CREATE TABLE IF NOT EXISTS batches (number INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS kept (number INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS pipeline (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL);
INSERT OR IGNORE INTO pipeline VALUES (1, lower(hex(randomblob(8))));
CREATE TABLE IF NOT EXISTS noted (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
INSERT OR IGNORE INTO controller VALUES (1, 0, NULL);
INSERT OR IGNORE INTO noted VALUES (1, 0);
"""
SYNCHRONOUS = {"never": "OFF", "interval": "NORMAL", "always": "FULL"}
STORE_FILE = "controller.sqlite"


class SqliteStore:
    """The state of a controller in a folder."""

    remedy = "make room or mend the disk of the controller's state_dir"

    def __init__(self, folder: Path, fsync: str = "interval") -> None:
        """Opens the store, or makes it, and begins a new generation. Raises StoreError."""
        self._path = folder / STORE_FILE
        self._fsync = SYNCHRONOUS[fsync]
        self._connection: sqlite3.Connection | None = None
        self._file = 0
        """The inode of the open file."""
        self.generation = 0
        """How many controllers this store has had, this one included."""
        self.pipeline = ""
        """A name that no other store has."""
        with self._transaction(check=False) as connection:
            connection.execute("UPDATE controller SET generation = generation + 1")
            self.generation = _generation(connection)
            (self.pipeline,) = connection.execute("SELECT name FROM pipeline").fetchone()

    def load(self) -> Stored:
        """All that is there."""
        with self._transaction() as connection:
            (state,) = connection.execute("SELECT state FROM controller").fetchone()
            batches = [body for (body,) in connection.execute("SELECT body FROM batches ORDER BY number")]
            kept = dict(connection.execute("SELECT name, body FROM kept ORDER BY number"))
            (noted,) = connection.execute("SELECT number FROM noted").fetchone()
        return Stored(state, batches, kept, noted)

    def append(self, *batches: bytes, noted: int = 0) -> None:
        """Add to what has happened since the checkpoint."""
        with self._transaction() as connection:
            connection.executemany("INSERT INTO batches (body) VALUES (?)", [(batch,) for batch in batches])
            connection.execute("UPDATE noted SET number = ?", (noted,))

    def checkpoint(self, state: bytes, keep: Mapping[str, bytes], most: int, noted: int = 0) -> None:
        """``state`` takes the place of all that was appended."""
        with self._transaction() as connection:
            connection.execute("UPDATE controller SET state = ?", (state,))
            connection.execute("UPDATE noted SET number = ?", (noted,))
            connection.execute("DELETE FROM batches")
            connection.executemany("INSERT OR REPLACE INTO kept (name, body) VALUES (?, ?)", keep.items())
            connection.execute("DELETE FROM kept WHERE number <= (SELECT MAX(number) FROM kept) - ?", (most,))

    @contextlib.contextmanager
    def _transaction(self, *, check: bool = True) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            if check and (now := _generation(connection)) != self.generation:
                raise Overtaken(
                    f"another controller has taken over the state in {self._path.parent} (it is number {now}, this one was "
                    f"number {self.generation})"
                )
            yield connection
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            # What is open may be broken for good, for instance as the file was removed: the next call opens it anew.
            self.close()
            raise StoreError(f"the state cannot be kept in {self._path}: {error}") from error
        except BaseException:
            self.close()
            raise

    def _open(self) -> sqlite3.Connection:
        if self.generation:
            self._see_to_file()
        if self._connection is None:
            # No waiting for locks here: who writes has more to do than that, and comes again.
            connection = sqlite3.connect(
                self._path, timeout=0.0, isolation_level=None, check_same_thread=False
            )
            self._connection = connection
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._fsync}")
            connection.executescript(SCHEMA)
            self._file = self._path.stat().st_ino
        return self._connection

    def _see_to_file(self) -> None:
        """What is written to a file that was removed is nowhere, and a new one knows nothing of this controller."""
        try:
            file = self._path.stat().st_ino
        except OSError as error:
            raise StoreError(
                f"the state cannot be kept, as {self._path} is not there any more ({error.strerror}); put it back, or start the "
                "controller anew"
            ) from error
        if file != self._file:
            self.close()

    def close(self) -> None:
        """Release the file; what was begun and not committed is given up. May be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def _generation(connection: sqlite3.Connection) -> int:
    (generation,) = connection.execute("SELECT generation FROM controller").fetchone()
    return int(generation)

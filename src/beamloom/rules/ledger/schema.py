"""The tables of the ledger.

How many chunks of a step are in which state is kept beside the step by triggers, in the transaction that moves the chunk: nothing
has to count rows while a rule runs, and no code can forget to.
"""

from __future__ import annotations

from typing import Final

READY: Final = 0
LEASED: Final = 1
DONE: Final = 2
FAILED: Final = 3

VERSION: Final = 1
"""Of the tables; a ledger of another version is refused."""

TABLES: Final = """
CREATE TABLE IF NOT EXISTS engine (one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL);
INSERT OR IGNORE INTO engine VALUES (1, 0);
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY AUTOINCREMENT, created REAL NOT NULL, paths BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS submissions (
    run INTEGER PRIMARY KEY, key TEXT UNIQUE, title TEXT NOT NULL, by TEXT NOT NULL, written TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL REFERENCES runs, spec BLOB NOT NULL, resolved BLOB,
    state TEXT NOT NULL, priority INTEGER NOT NULL, created REAL NOT NULL, started REAL, finished REAL,
    released INTEGER NOT NULL DEFAULT 0, chunks INTEGER NOT NULL DEFAULT 0, final INTEGER,
    reason TEXT NOT NULL DEFAULT '', trouble TEXT NOT NULL DEFAULT '',
    ready INTEGER NOT NULL DEFAULT 0, leased INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    frames_done INTEGER NOT NULL DEFAULT 0, frames_failed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS steps_state ON steps (state);
CREATE INDEX IF NOT EXISTS steps_run ON steps (run);
CREATE TABLE IF NOT EXISTS links (
    parent INTEGER NOT NULL, child INTEGER NOT NULL, condition BLOB NOT NULL, PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_child ON links (child);
CREATE TABLE IF NOT EXISTS chunks (
    step INTEGER NOT NULL, number INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0, seconds REAL, value BLOB, file TEXT, PRIMARY KEY (step, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS chunks_ready ON chunks (step, number) WHERE state = 0;
CREATE INDEX IF NOT EXISTS chunks_failed ON chunks (step, number) WHERE state = 3;
CREATE TABLE IF NOT EXISTS attempts (
    step INTEGER NOT NULL, chunk INTEGER NOT NULL, attempt INTEGER NOT NULL, ended REAL NOT NULL,
    classes BLOB NOT NULL, message TEXT NOT NULL, traceback TEXT NOT NULL, PRIMARY KEY (step, chunk, attempt)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outputs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, step INTEGER NOT NULL, chunk INTEGER NOT NULL, key TEXT NOT NULL,
    requested TEXT NOT NULL, staged TEXT NOT NULL, actual TEXT, published INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS outputs_step ON outputs (step);
CREATE INDEX IF NOT EXISTS outputs_waiting ON outputs (id) WHERE NOT published;
CREATE TRIGGER IF NOT EXISTS chunk_added AFTER INSERT ON chunks BEGIN
    UPDATE steps SET ready = ready + 1 WHERE id = NEW.step;
END;
CREATE TRIGGER IF NOT EXISTS chunk_moved AFTER UPDATE OF state ON chunks BEGIN
    UPDATE steps SET
        ready = ready + (NEW.state = 0) - (OLD.state = 0),
        leased = leased + (NEW.state = 1) - (OLD.state = 1),
        done = done + (NEW.state = 2) - (OLD.state = 2),
        failed = failed + (NEW.state = 3) - (OLD.state = 3),
        frames_done = frames_done + ((NEW.state = 2) - (OLD.state = 2)) * (NEW.stop - NEW.start),
        frames_failed = frames_failed + ((NEW.state = 3) - (OLD.state = 3)) * (NEW.stop - NEW.start)
    WHERE id = NEW.step;
END;
"""

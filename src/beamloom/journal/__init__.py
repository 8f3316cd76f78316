"""Append-only files of what a process has taken, so that its next life can take it up.

The room knows frames of bytes and nothing of what they mean.
"""

from beamloom.journal.answers import DiskAnswers
from beamloom.journal.folder import Journal, JournalHeld, Lock, remove_journal
from beamloom.journal.records import (
    MAGIC,
    Outline,
    Record,
    outlines,
    pack,
    read_record,
    read_records,
    write_all,
)
from beamloom.journal.writer import JournalWriter

__all__ = [
    "MAGIC",
    "DiskAnswers",
    "Journal",
    "JournalHeld",
    "JournalWriter",
    "Lock",
    "Outline",
    "Record",
    "outlines",
    "pack",
    "read_record",
    "read_records",
    "remove_journal",
    "write_all",
]

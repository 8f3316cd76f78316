"""Batches on their way to a store, in a file that is mapped into memory: what is noted there survives the process, and costs no wait.

A note takes microseconds, a transaction of the store ten times as much and the change to another thread and back. So what has to be safe
before anything follows from it is noted here, and a thread brings it into the store a few times a second. Like the store, the notes survive
the death of the process; that of the machine they do not, so that a store that is to be synchronized each time has no slate.

Invariant: notes are numbered without gaps. The store says up to which number it has them, and those that follow it here are the rest.
The room is two halves, one of which is noted in while the other waits for the store; where both are full nothing is noted.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import zlib
from pathlib import Path

SLATE_FILE = "controller.slate"
HALF_BYTES = 1 << 19
_HEAD = struct.Struct("<QII")
"""Number, length and checksum of a note."""


class Slate:
    """The notes of one controller."""

    def __init__(self, folder: Path, half: int = HALF_BYTES) -> None:
        """Opens the file, or makes it. Raises OSError where it cannot be had, or where there is no room for it."""
        self._path = folder / SLATE_FILE
        self._half = half
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # All of it now: a page that the disk has no room for would end the process as it is written.
            os.posix_fallocate(file, 0, 2 * half)
            self._memory = mmap.mmap(file, 2 * half)
            self._inode = os.fstat(file).st_ino
        finally:
            os.close(file)
        self._at = [0, 0]
        self._latest = [0, 0]
        """The number of the last note in each half; 0 where it is free."""
        self._now = 0
        """The half that is noted in."""

    def read(self, after: int) -> list[bytes]:
        """The notes that follow number ``after``, up to the first that is missing."""
        notes = dict(note for begin in (0, self._half) for note in self._notes(begin))
        found: list[bytes] = []
        while (note := notes.get(after + len(found) + 1)) is not None:
            found.append(note)
        return found

    def beyond(self, stored: int) -> int:
        """A number beyond those of all notes that are here, readable or not, where the store has those up to ``stored``."""
        known = [number for begin in (0, self._half) for number, _ in self._notes(begin)]
        return max(stored, *known, 0) + 2 * self._half // _HEAD.size

    def _notes(self, begin: int) -> list[tuple[int, bytes]]:
        notes: list[tuple[int, bytes]] = []
        at, end = begin, begin + self._half
        while at + _HEAD.size <= end:
            number, length, checksum = _HEAD.unpack_from(self._memory, at)
            body = self._memory[at + _HEAD.size : at + _HEAD.size + length]
            # Behind the last note may be what is left of older ones.
            older = number <= (notes[-1][0] if notes else 0)
            if older or at + _HEAD.size + length > end or checksum != _checksum(number, body):
                break
            notes.append((number, body))
            at += _HEAD.size + length
        return notes

    def note(self, number: int, batch: bytes) -> bool:
        """Note a batch, which follows the one before; False where there is no room."""
        size = _HEAD.size + len(batch)
        now = self._now
        if self._at[now] + size > self._half:
            now = 1 - now
            if self._latest[now] or size > self._half:
                return False
            self._now = now
        at = now * self._half + self._at[now]
        self._memory[at + _HEAD.size : at + size] = batch
        _HEAD.pack_into(self._memory, at, number, len(batch), _checksum(number, batch))
        self._at[now] += size
        self._latest[now] = number
        return True

    def forget(self, until: int) -> None:
        """The store has all notes up to this one."""
        for half in (0, 1):
            if self._latest[half] <= until:
                self._at[half] = self._latest[half] = 0

    @property
    def is_there(self) -> bool:
        """Whether another process would find it: nobody has removed the file."""
        with contextlib.suppress(OSError):
            return self._path.stat().st_ino == self._inode
        return False

    def close(self) -> None:
        """Release the memory; the file stays. May be called twice."""
        self._memory.close()


def _checksum(number: int, body: bytes) -> int:
    return zlib.crc32(body, number & 0xFFFFFFFF)

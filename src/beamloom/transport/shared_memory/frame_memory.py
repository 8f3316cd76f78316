"""The side of the owner: it allots places for frames, and knows them again wherever they come along."""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
from collections import deque
from typing import Any, NamedTuple

import numpy as np

from beamloom.events import frame_bytes
from beamloom.transport.shared_memory.extents import Extents
from beamloom.transport.shared_memory.layout import (
    GENERATIONS_AT,
    HEAD,
    MAGIC,
    PAGE,
    TOKEN_BYTES,
    layout_of,
)

_SEALS = ("F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_SEAL")


class Place(NamedTuple):
    """Where a frame lies."""

    offset: int
    """Of its first byte, in bytes from the first page."""
    page: int
    """The page on which what was allotted begins."""
    generation: int
    """What that page has as long as the frame is there; 0: the frame is not in shared memory and travels with the message."""


NOWHERE = Place(0, 0, 0)


class _Slot(np.ndarray[Any, np.dtype[np.uint8]]):
    """The bytes of one place; it is free again when nothing refers to them any more."""

    owner: FrameMemory | None = None
    first: int
    count: int
    generation: int

    def __del__(self) -> None:
        if self.owner is not None:
            # Whoever let go of it last may be any thread.
            self.owner.given_back.append((self.first, self.count))


class FrameMemory:
    """Memory for frames that other processes of this host can read. One thread takes places; frames may be let go of in any."""

    def __init__(self, nbytes: int) -> None:
        """Room for ``nbytes`` of frames, which take up memory only as they are used. Raises OSError where the system has no such memory."""
        if not hasattr(os, "memfd_create"):
            raise OSError("this system has no memory files (memfd_create)")
        layout = layout_of(nbytes)
        self._fd = os.memfd_create("beamloom-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self._fd, layout.size)
            # Whoever has it mapped can rely on that it stays as large.
            fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, sum(getattr(fcntl, seal) for seal in _SEALS))
            self._map = mmap.mmap(self._fd, layout.size)
        except OSError:
            os.close(self._fd)
            raise
        token = secrets.token_bytes(TOKEN_BYTES)
        HEAD.pack_into(self._map, 0, MAGIC, token, layout.pages)
        self.name = f"{os.getpid()}.{self._fd}.{token.hex()}"
        """What others open it by."""
        self.given_back: deque[tuple[int, int]] = deque()
        """First page and number of pages of what nobody here refers to any more."""
        self.refused = 0
        """Frames for which there was no room."""
        self._extents = Extents(layout.pages)
        self._total = layout.pages
        self._generations = np.frombuffer(self._map, np.uint64, layout.pages, GENERATIONS_AT)
        self._pages_at = layout.pages_at
        self._address = np.frombuffer(self._map, np.uint8).ctypes.data + layout.pages_at
        self._generation = 0

    @property
    def nbytes(self) -> int:
        """Bytes that are taken, whole pages; what was given back since the last frame counts. May be called in any thread."""
        return (self._total - self._extents.free) * PAGE

    def take(self, nbytes: int) -> memoryview | None:
        """Room for one frame, to be written to; None where there is none.

        It is taken as long as anything in this process refers to it, a part of it, or an array over it.
        """
        if self.given_back:
            self._tidy()
        count = -(-nbytes // PAGE)
        first = self._extents.take(count) if count else None
        if first is None:
            self.refused += 1
            return None
        slot = _Slot(nbytes, np.uint8, self._map, self._pages_at + first * PAGE)
        slot.first, slot.count, slot.owner = first, count, self
        slot.generation = self._generation = self._generation + 1
        self._generations[first] = slot.generation
        buffer: Any = slot
        return memoryview(buffer)

    def put(self, frame: Any) -> Any:
        """The same frame in this memory, read-only: itself where it lies there already, or where there is no room for it."""
        if self._slot(frame) is not None:
            return frame
        taken = self.take(frame_bytes(frame))
        if taken is None:
            return frame
        np.copyto(np.frombuffer(taken, np.uint8), np.frombuffer(frame, np.uint8))
        return taken.toreadonly()

    def place(self, frame: Any) -> Place:
        """Where a frame lies; NOWHERE when not in this memory."""
        slot = self._slot(frame)
        if slot is None:
            return NOWHERE
        if frame.nbytes == slot.nbytes:
            offset = slot.first * PAGE
        else:
            offset = np.frombuffer(frame, np.uint8).ctypes.data - self._address
        return Place(offset, slot.first, slot.generation)

    def _slot(self, frame: Any) -> _Slot | None:
        slot: Any = frame.obj if type(frame) is memoryview else None
        return slot if type(slot) is _Slot and slot.owner is self and frame.c_contiguous else None

    def _tidy(self) -> None:
        while self.given_back:
            first, count = self.given_back.popleft()
            self._generations[first] = 0
            self._extents.give_back(first, count)

    def close(self) -> None:
        """Nobody can open it any more; those who have go on reading."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

"""The side of a reader: it maps the memory of others, and borrows frames for as long as its own lease of their event lasts.

Policy: what user code has of a frame when its event is done is made its own, in place, before anybody may write there again. Who does that
often gets copies from the start.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
import weakref
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from beamloom.events import Packet
from beamloom.transport.shared_memory.layout import GENERATIONS_AT, HEAD, MAGIC, PAGE, layout_of
from beamloom.transport.shared_memory.private_pages import make_private

_NAME = re.compile(r"([0-9]{1,10})\.([0-9]{1,7})\.([0-9a-f]{32})")


class Unshared(Exception):
    """A memory that this process cannot read; the text says why."""


class Gone(Unshared):
    """The process that had it is not there, or not for this one to see."""


class StaleFrame(RuntimeError):
    """What lay in a place has been replaced: the event was settled without this process."""


class Borrowed(np.ndarray[Any, np.dtype[np.uint8]]):
    """The bytes of one frame in the memory of another process, read-only."""

    memory: _Mapped | None = None
    page: int
    generation: int


class _Mapped:
    """One memory, mapped read-only."""

    def __init__(self, name: str) -> None:
        """Raises Unshared, Gone, and OSError where this process can open or map no more."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise Unshared(f"{name!r:.100} names no shared memory")
        self.path = f"/proc/{found[1]}/fd/{found[2]}"
        self._token = bytes.fromhex(found[3])
        try:
            descriptor = self._open()
        except FileNotFoundError as error:
            raise Gone(
                f"process {found[1]} cannot be seen from here: it has ended, or runs on another host or in another container"
            ) from error
        except PermissionError as error:
            raise Unshared(
                f"the memory of process {found[1]} may not be read from here ({error.strerror}): let both run as the same user"
            ) from error
        try:
            size = os.fstat(descriptor).st_size
            pages = self._pages(descriptor, size)
            self._map = mmap.mmap(descriptor, size, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
        self.pages = pages
        self._pages_at = layout_of(pages * PAGE).pages_at
        self._generations = np.frombuffer(self._map, np.uint64, pages, GENERATIONS_AT)

    def _open(self) -> int:
        if not stat.S_ISREG(os.stat(self.path).st_mode):
            # To open a pipe or a device may do something.
            raise FileNotFoundError(self.path)
        return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)

    def _pages(self, descriptor: int, size: int) -> int:
        """How many there are; raises Gone where this is some other file."""
        head = os.pread(descriptor, HEAD.size, 0)
        if len(head) == HEAD.size:
            magic, token, pages = HEAD.unpack(head)
            if magic == MAGIC and token == self._token and layout_of(pages * PAGE).size == size:
                return int(pages)
        raise Gone(
            f"{self.path} is no memory of the process that was meant: it has ended, or runs on another host or in another container"
        )

    @property
    def there(self) -> bool:
        """Whether the process that has it still does."""
        try:
            descriptor = self._open()
        except OSError:
            return False
        try:
            self._pages(descriptor, os.fstat(descriptor).st_size)
        except Gone:
            return False
        finally:
            os.close(descriptor)
        return True

    def lend(self, offset: int, page: int, generation: int, size: int) -> memoryview:
        if not (0 <= page < self.pages and offset >= 0 and size <= self.pages * PAGE - offset):
            raise Unshared(f"there is no frame of {size} bytes at {offset} in {self.path}")
        frame = Borrowed(size, np.uint8, self._map, self._pages_at + offset)
        frame.memory, frame.page, frame.generation = self, page, generation
        buffer: Any = frame
        return memoryview(buffer)

    def has(self, frame: Borrowed) -> bool:
        """Whether what was lent is still there."""
        return int(self._generations[frame.page]) == frame.generation


class Borrowing:
    """The frames that one process reads in the memories of others."""

    COPIES_AFTER = 4
    """So many frames in one run that user code keeps, and it gets copies of all that follow."""

    def __init__(self) -> None:
        self._memories: dict[str, _Mapped] = {}
        self.active = False
        """Whether frames were borrowed in this run."""
        self.kept = 0
        """Frames of this run that user code kept beyond their events."""

    def open(self, name: str) -> None:
        """Make sure that the memory ``name`` can be read. Raises Unshared, Gone, and OSError where this process can map no more."""
        if name not in self._memories:
            self._memories[name] = _Mapped(name)

    @property
    def copies(self) -> bool:
        """Whether frames are copied, as user code keeps them."""
        return self.kept >= self.COPIES_AFTER

    def begin_run(self) -> Collection[str]:
        """A run begins: let go of memories whose owners have ended; returns the others."""
        self.kept, self.active = 0, False
        self._memories = {name: memory for name, memory in self._memories.items() if memory.there}
        return self._memories.keys()

    def join(
        self, name: str, places: Sequence[tuple[int, int, int]], sizes: Sequence[int], others: Iterable[Any]
    ) -> list[Any]:
        """Frames in their order: of those whose place has a generation the bytes there, of the rest the next of ``others``.

        There are as many ``others`` as places without one. Raises what ``open`` raises, and Unshared for a place that cannot be.
        """
        self.open(name)
        self.active = True
        lend, rest = self._memories[name].lend, iter(others)
        frames: list[Any] = [
            lend(*place, size) if place[2] else next(rest) for place, size in zip(places, sizes, strict=True)
        ]
        return [_copied(frame) for frame in frames] if self.copies else frames

    def check(self, packets: Iterable[Packet]) -> None:
        """Raises StaleFrame where a borrowed frame of these has been replaced."""
        for frame in _borrowed(packets):
            if frame.memory is not None and not frame.memory.has(frame):
                raise StaleFrame(
                    "a frame in shared memory has been replaced: the event was settled without this worker"
                )

    def borrowed(self, packets: Iterable[Packet]) -> list[weakref.ref[Borrowed]]:
        """What will tell, when all of these packets are gone, whether anybody has kept frames of them."""
        return [weakref.ref(frame) for frame in _borrowed(packets)]

    def settle(self, frames: Iterable[weakref.ref[Borrowed]]) -> None:
        """Make those frames the process' own that somebody has kept. Raises StaleFrame where they had been replaced already."""
        for reference in frames:
            frame = reference()
            if frame is None or frame.memory is None:
                continue
            self.kept += 1
            memory, address = frame.memory, frame.ctypes.data
            begin = address // PAGE * PAGE
            make_private(begin, -(-(address + frame.nbytes) // PAGE) * PAGE - begin)
            intact = memory.has(frame)
            frame.memory = None
            # Here those pages are what they were: others are read through another mapping.
            self._memories = {name: one for name, one in self._memories.items() if one is not memory}
            if not intact:
                raise StaleFrame("user code has kept a frame in shared memory that has been replaced")


def _copied(frame: Any) -> Any:
    borrowed = _behind(frame)
    if borrowed is None:
        return frame
    copy = bytes(frame)
    if borrowed.memory is not None and not borrowed.memory.has(borrowed):
        raise Unshared("a frame in shared memory was replaced before it was read")
    return copy


def _borrowed(packets: Iterable[Packet]) -> Iterator[Borrowed]:
    for packet in packets:
        for frame in packet.frames:
            if (borrowed := _behind(frame)) is not None:
                yield borrowed


def _behind(frame: Any) -> Borrowed | None:
    """What a frame is borrowed by, if it is."""
    lent: Any = frame.obj if type(frame) is memoryview else None
    return lent if type(lent) is Borrowed else None

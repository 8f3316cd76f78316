"""The guard of a worker: a small process beside it, which sees what becomes of it without needing anything of it.

Policy: whether a worker lives, hangs or has eaten the machine's memory must not depend on what its user code does, and C code that holds
the interpreter's lock stops every thread of its process. So the worker only notes, in memory that both share, what it works on; its guard
reads that, gives signs of life in its name, ends it when one event takes too long, and reports its death with the stack of that
moment. The report is what lets the controller blame one event instead of all that the worker held.

The guard has a session of its own, so that what kills the worker's group leaves somebody to tell of it, and it ends with the worker.
"""

from __future__ import annotations

import faulthandler
import mmap
import os
import struct
import traceback
import warnings
from collections.abc import Callable

from beamloom.services.shell.guarding import END_WITH_STACK, watch
from beamloom.transport.keys import Keys

_EVENT, _SINCE = slice(0, 8), slice(8, 16)
"""The event, and since when. In native order, because then each of the two is written by one store, and never seen by halves."""
_LIMITS = struct.Struct("<dq")
_LIMITS_AT = 16
_LEAVING_AT = 32
_ASKED_AT = 33
_PEER_AT = 64
_CAPSULE_AT = 512
_CONTROLLER_AT = 1024
_SIZE = 1280
NO_EVENT = -1


class Notes:
    """What a worker writes down for its guard, in memory that both share."""

    def __init__(self, memory: mmap.mmap | None = None) -> None:
        """``memory``: that of other notes which these add to."""
        self._memory = memory or mmap.mmap(-1, _SIZE)
        view = memoryview(self._memory)
        self.event: memoryview[int] = view[_EVENT].cast("q")
        """Its one item is the event that user code is called for. Who begins with many does itself what ``begin`` does, in a third
        of the time."""
        self.since: memoryview[float] = view[_SINCE].cast("d")
        """Its one item is since when, on the monotonic clock."""
        self._peer = self._controller = ""
        self.end()

    def begin(self, event: int, now: float) -> None:
        """User code is called for this event, at this time on the monotonic clock."""
        self.event[0] = event
        self.since[0] = now

    def end(self) -> None:
        """User code is not at work."""
        self.event[0] = NO_EVENT
        self.since[0] = 0.0

    def limit(self, event_timeout: float, memory: int) -> None:
        """Seconds that one event may take, and bytes at which the process is ended in the middle of one (0: never)."""
        _LIMITS.pack_into(self._memory, _LIMITS_AT, event_timeout, memory)

    def call(self, peer: str, controller: str = "") -> None:
        """The id by which the others know the worker, and where the controller is now; cheap when they are the same as before."""
        if peer != self._peer:
            self._peer = peer
            self._write(_PEER_AT, _CAPSULE_AT, peer)
        if controller != self._controller:
            self._controller = controller
            self._write(_CONTROLLER_AT, _SIZE, controller)

    def hold(self, capsule: str) -> None:
        """The name of the capsule of the event that user code is called for; empty for none."""
        self._write(_CAPSULE_AT, _CONTROLLER_AT, capsule)

    def _write(self, start: int, stop: int, text: str) -> None:
        self._memory[start:stop] = text.encode()[: stop - start].ljust(stop - start, b"\0")

    def will_end(self) -> None:
        """The worker has been asked to end; it may still be in the middle of an event."""
        self._memory[_ASKED_AT] = 1

    def leave(self) -> None:
        """The worker ends in order and says so itself."""
        self._memory[_LEAVING_AT] = 1

    def nameless(self) -> Notes:
        """The same notes, for a part of this process that others do not know by its own name."""
        return _Nameless(self._memory)

    # ---- the guard's side -----------------------------------------------------------------------------------------------------

    @property
    def at_work(self) -> tuple[int | None, float]:
        """The event that user code works on, and since when (monotonic); None when it is not at work."""
        event, since = self.event[0], self.since[0]
        # It has begun with an event and not noted yet when, maybe because it had to leave the processor between the two stores.
        half_written = since == 0.0
        return (None if event == NO_EVENT or half_written else event), since

    @property
    def limits(self) -> tuple[float, int]:
        """Seconds for an event and bytes; 0 for none."""
        timeout, memory = _LIMITS.unpack_from(self._memory, _LIMITS_AT)
        return timeout, memory

    @property
    def leaving(self) -> bool:
        """Whether the worker ends in order."""
        return self._memory[_LEAVING_AT] == 1

    @property
    def asked_to_end(self) -> bool:
        """Whether somebody has asked the worker to end."""
        return self._memory[_ASKED_AT] == 1

    @property
    def peer(self) -> str:
        """The worker's id; empty before it has one."""
        return self._read(_PEER_AT, _CAPSULE_AT)

    @property
    def capsule(self) -> str:
        """The name of the capsule of the event that user code works on; empty for none."""
        return self._read(_CAPSULE_AT, _CONTROLLER_AT)

    @property
    def controller(self) -> str:
        """Where the controller is now; empty before the worker knows it."""
        return self._read(_CONTROLLER_AT, _SIZE)

    def _read(self, start: int, stop: int) -> str:
        return self._memory[start:stop].rstrip(b"\0").decode(errors="replace")


class _Nameless(Notes):
    """Says what is worked on, and not by whom."""

    def call(self, peer: str, controller: str = "") -> None:
        """Somebody else does that."""


def start_guard(
    controller: str, interval: float, keys: Keys | None = None, *, only_pulse: bool = False
) -> Notes:
    """Give this process a guard, which tells the controller; returns where to write what it should know.

    To be called before the process has threads or sockets. ``controller`` is where that is at first; later it is where the notes say.
    ``interval``: seconds between two looks. ``keys``: those of the pipeline. With ``only_pulse`` it gives signs of life, and neither judges
    nor reports. Where the system has no way to watch a process, there is no guard, and the notes are read by nobody.
    """
    notes = Notes()
    if not hasattr(os, "pidfd_open"):
        return notes
    worker = os.getpid()
    alive = os.pidfd_open(worker)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)

    def guard() -> None:
        os.close(writing)
        watch(worker, alive, reading, notes, controller, interval, keys, only_pulse=only_pulse)

    _spawn(guard)
    os.close(reading)
    os.close(alive)
    if only_pulse:
        os.close(writing)
        return notes
    faulthandler.enable(writing)
    faulthandler.register(END_WITH_STACK, writing, chain=True)
    return notes


def _spawn(work: Callable[[], None]) -> None:
    """Run ``work`` in a process that is nobody's child, so that user code that waits for its children does not meet it."""
    with warnings.catch_warnings():
        # The threads of numerical libraries, which stop them when a process forks.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return
        try:
            os.setsid()
            if os.fork() == 0:
                work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)

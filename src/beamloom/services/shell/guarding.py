"""What a guard does (see ``guard``): it looks at its worker a few times a second, and at once when that ends.

A worker that somebody has stopped (SIGSTOP, a debugger) is reported as gone, without blame for any event; the time that it was stopped
does not count for the event that it works on. One that overstays is ended by a signal upon which the interpreter writes the stack
of each thread, without the help of any.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import time
from pathlib import Path
from typing import Protocol

from beamloom.engine.accounts.faults import PROCESS, Death, Failure
from beamloom.transport.controller_link import ControllerLink, controller_link
from beamloom.transport.keys import Keys
from beamloom.transport.messages import AnyMessage, Gone, Pulse, encode

STOPPED_FOR = 0.4
"""Seconds after which a worker that is stopped counts as gone; shorter stops are those of tools that look into a process."""
LONGEST_INTERVAL = 0.2
"""Seconds between two looks, at most."""
UNSEEN = 1.0
"""Seconds by which the guard itself may be late; more means that the machine stood still, which is nobody's fault."""
SHORTEST_NAP = 0.01
DUMP_LIMIT = 1 << 18
END_WITH_STACK = getattr(signal, "SIGSTKFLT", signal.SIGALRM)
"""The signal upon which a worker writes its stack and ends: one for which Linux has no use, and which leaves no core."""
LONGEST_DUMP = 1.0
"""Seconds in which it has to have written that."""
LONGEST_DEATH = 5.0
GONE_KEPT = 60.0
"""Seconds for which the word of its end is kept for a controller that is away, and another one may take its place."""
GONE_KEPT_AT_THE_END = 1.0
"""The same for a worker that had been asked to end: then the controller is likely to end as well."""
_MEMORY = re.compile(rb"^(VmRSS|RssShmem):\s+(\d+) kB$", re.MULTILINE)


class Notebook(Protocol):
    """What the worker has written down."""

    @property
    def at_work(self) -> tuple[int | None, float]:
        """Event and since when."""

    @property
    def limits(self) -> tuple[float, int]:
        """Seconds and bytes."""

    @property
    def leaving(self) -> bool:
        """Whether it ends in order."""

    @property
    def asked_to_end(self) -> bool:
        """Whether it was asked to."""

    @property
    def peer(self) -> str:
        """Its id."""

    @property
    def controller(self) -> str:
        """Where the controller is now."""

    @property
    def capsule(self) -> str:
        """Name of the capsule of the event, if there is one."""


def watch(
    worker: int,
    alive: int,
    dump: int,
    notes: Notebook,
    controller: str,
    interval: float,
    keys: Keys | None,
    *,
    only_pulse: bool = False,
) -> None:
    """Watch the process ``worker`` until it has ended.

    ``alive`` is its pidfd, ``dump`` the end of a pipe from which the stack can be read that it writes as it crashes. With ``only_pulse``
    nothing is told but that it lives.
    With ``keys`` it shows them to the controller.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with controller_link(controller, keys, linger=1.0) as link:
        one = _Watch(worker, alive, dump, notes, link)
        (one.give_pulse if only_pulse else one.run)(min(interval, LONGEST_INTERVAL))


class _Watch:
    def __init__(self, worker: int, alive: int, dump: int, notes: Notebook, link: ControllerLink) -> None:
        self._worker = worker
        self._alive = alive
        self._dump = dump
        self._notes = notes
        self._link = link
        self._written = b""
        self._stopped_since: float | None = None
        self._told_stopped = False
        self._counts_from = 0.0
        self._verdict: tuple[str, str] | None = None

    def run(self, interval: float) -> None:
        looked = time.monotonic()
        while not self._ended(interval):
            now = time.monotonic()
            if now - looked > interval + UNSEEN:
                self._counts_from = now
            looked = now
            if self._look_whether_stopped(now):
                continue
            self._send(Pulse())
            event, since = self._notes.at_work
            self._verdict = self._judge(event, max(since, self._counts_from), now)
            if self._verdict is not None and event is not None:
                self._end_worker(event)
                break
        if not self._notes.leaving:
            self._report()

    def give_pulse(self, interval: float) -> None:
        """Tell that the process lives, until it has ended or as long as nobody has stopped it."""
        while not self._ended(interval):
            if not _is_stopped(self._worker):
                self._send(Pulse())

    def _ended(self, timeout: float) -> bool:
        """Wait so long for the end of the worker; whether it has come."""
        poll = select.poll()
        poll.register(self._alive, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def _look_whether_stopped(self, now: float) -> bool:
        if not _is_stopped(self._worker):
            self._stopped_since, self._told_stopped = None, False
            return False
        self._counts_from = now
        self._stopped_since = self._stopped_since or now
        if now - self._stopped_since >= STOPPED_FOR and not self._told_stopped:
            stopped = Gone(f"process {self._worker} is stopped (SIGSTOP or a debugger)", killed=False)
            self._told_stopped = self._send(stopped)
        return True

    def _judge(self, event: int | None, since: float, now: float) -> tuple[str, str] | None:
        """Why the worker has to end, as the name of an error and a sentence; None when it may go on."""
        if event is None:
            return None
        timeout, memory = self._notes.limits
        if timeout and now - since > timeout:
            return "EventTimeout", f"event {event} took longer than event_timeout ({timeout:g} s)"
        if memory and (used := resident(self._worker)) > memory:
            return (
                "MemoryLimit",
                f"the process had {used >> 20} MB of memory in the middle of event {event}, far beyond memory_limit; "
                "raise the limit, or look at what the event makes the class keep",
            )
        return None

    def _end_worker(self, event: int) -> None:
        """End the worker, unless it has just got on with something else."""
        if self._notes.at_work[0] != event:
            return
        if self._verdict is not None:
            # Before its end: then nobody may read any more what is written.
            _say(f"{self._verdict[1]}; the process is ended")
        _kill(self._worker, END_WITH_STACK)
        deadline = time.monotonic() + LONGEST_DUMP
        while time.monotonic() < deadline and not self._ended(SHORTEST_NAP):
            self._read_dump()
        _kill(self._worker, signal.SIGKILL)
        self._ended(LONGEST_DEATH)

    def _report(self) -> None:
        self._read_dump()
        event, _ = self._notes.at_work
        name, sentence = self._verdict or ("WorkerDied", _how(self._written, self._worker))
        death = Death(event, Failure(PROCESS, name, sentence, self._stack, self._notes.capsule))
        if death.failure.traceback:
            _say(death.failure.traceback)
        # Whoever reads what the worker writes is not to wait for the controller.
        _say_no_more()
        self._send_last(Gone(sentence, killed=True, death=death))

    @property
    def _stack(self) -> str:
        return user_stack(self._written.decode(errors="replace"))

    def _read_dump(self) -> None:
        while len(self._written) < DUMP_LIMIT:
            try:
                chunk = os.read(self._dump, DUMP_LIMIT)
            except BlockingIOError:
                return
            if not chunk:
                return
            self._written += chunk

    def _send(self, message: AnyMessage) -> bool:
        """Send what may be dropped; whether it was not."""
        peer = self._notes.peer
        self._link.follow(self._notes.controller)
        # Where the controller is away, the signs of life that wait for it say the same as this one.
        return bool(peer) and self._link.send(encode(peer, message))

    def _send_last(self, message: AnyMessage) -> None:
        """Send what nobody else can tell: signs of life that wait for the controller go before it, and nothing comes behind."""
        if peer := self._notes.peer:
            kept = GONE_KEPT_AT_THE_END if self._notes.asked_to_end else GONE_KEPT
            self._link.follow(self._notes.controller)
            self._link.send_last(encode(peer, message), kept)


def user_stack(dump: str) -> str:
    """The stack of the thread that called user code, down to that call, of what the interpreter wrote; all of it where that is not found.

    The latest call comes first.
    """
    dump = dump.partition("\nExtension modules:")[0].strip()
    for thread in dump.split("\n\n"):
        lines = thread.splitlines()
        for at, line in enumerate(lines):
            if '/beamloom/services/worker/user_map.py"' in line:
                while at and "/beamloom/analysis/" in lines[at - 1]:
                    at -= 1
                return "\n".join(lines[:at])
    return dump


def resident(pid: int) -> int:
    """The memory of a process that is in RAM, in bytes, without what it shares with others; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return 0
    # The frames of ingesters, wherever they were read: no leak of this process, and gone with the ingester.
    found = {name: int(kilobytes) for name, kilobytes in _MEMORY.findall(status)}
    return max(0, found.get(b"VmRSS", 0) - found.get(b"RssShmem", 0)) << 10


def _say(text: str) -> None:
    """Write to the log of the worker, if somebody reads it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _say_no_more() -> None:
    """Let go of the log of the worker."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


def _is_stopped(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state in (b"T", b"t")


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _how(dump: bytes, pid: int) -> str:
    first = dump.partition(b"\n")[0].decode(errors="replace").strip()
    if first.startswith("Fatal Python error: "):
        return f"process {pid} crashed: {first.removeprefix('Fatal Python error: ')}"
    return f"process {pid} ended without a word: killed, out of memory, or user code called os._exit"

"""The life of one process of a pipeline: started, watched, started again after a death, given up when that does not help.

Where it runs is the matter of its ``Ground``. Each has a thread of its own here, which attends it.
"""

from __future__ import annotations

import enum
import errno
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from beamloom.exit_status import REFUSED, RENEWED, RETIRED
from beamloom.placement.children import Child, Ending, Ground, LocalChild, ProcessSpec

KEPT_LINES = 200
SHORTAGES: Final = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
"""Why a machine may start no process at one moment, and start it at the next: often the one at which another has died."""


class State(enum.StrEnum):
    """Where in its life a child process is."""

    WAITING = "waiting"
    """Not started yet."""
    RUNNING = "running"
    RESTARTING = "restarting"
    """Died; will be started again."""
    STOPPING = "stopping"
    """Told to end."""
    ENDED = "ended"
    """Ended because it was told to."""
    GIVEN_UP = "given up"
    """Died too often, or could not be started at all; stays dead."""


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One child process at one moment."""

    name: str
    pid: int | None
    """None while it does not run."""
    state: State
    uptime: float | None
    """Seconds since it was started; None while it does not run."""
    restarts: int
    message: str
    """Its last line of output, or what the supervisor has to say about it."""
    is_worker: bool = False
    kind: int = 0
    """Of a worker: the group of the pipeline file that it is of."""
    host: str = ""
    """Where it runs, unless that is this machine."""


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a process that died is started again."""

    first_delay: float = 0.2
    """Seconds before the first restart; doubled for each death that follows soon."""
    longest_delay: float = 5.0
    deaths: int = 5
    """So many deaths ``within`` seconds, and the process is given up."""
    within: float = 30.0

    def delay(self, deaths: Sequence[float], now: float) -> float | None:
        """Seconds until the next start; None to give up. ``deaths`` are the times of all deaths so far, on the clock of ``now``."""
        recent = sum(now - death <= self.within for death in deaths)
        if recent >= self.deaths:
            return None
        return min(self.first_delay * 2.0 ** max(recent - 1, 0), self.longest_delay)


class Listener:
    """What a process tells: every line of its output, and every change in its life. Does nothing by itself."""

    def line(self, name: str, text: str) -> None:
        """One line of output, without its end."""

    def changed(self, name: str, sentence: str) -> None:
        """Something changed; ``sentence`` says what, and is empty where only the state did."""


class Process:
    """One process, kept alive."""

    def __init__(
        self,
        spec: ProcessSpec,
        policy: RestartPolicy,
        listener: Listener,
        clock: Callable[[], float] = time.monotonic,
        ground: Ground = LocalChild.of,
    ) -> None:
        self.spec = spec
        self._policy = policy
        self._listener = listener
        self._clock = clock
        self._ground = ground
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._child: Child | None = None
        self._pid: int | None = None
        """None while it does not run."""
        self._host = ""
        self._state = State.WAITING
        self._started = 0.0
        self._starts = 0
        self._deaths: list[float] = []
        self._message = ""
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._thread = threading.Thread(target=self._live, name=f"placement-{spec.name}", daemon=True)

    def start(self) -> None:
        """Start the process, and keep it alive from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the process to end (SIGTERM) and do not start it again; returns at once."""
        with self._lock:
            self._stop.set()
            child = self._child
            if child is not None:
                self._state = State.STOPPING
        if child is not None:
            child.tell_to_end()
        self._listener.changed(self.spec.name, "")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int | None:
        """Send a signal to the process and all that it started; returns its pid, None when it does not run."""
        child = self._child
        return None if child is None else child.kill(number)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the process has ended for good; False when ``timeout`` seconds did not suffice."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def status(self) -> ProcessStatus:
        """How the process is at this moment."""
        with self._lock:
            return ProcessStatus(
                name=self.spec.name,
                pid=self._pid,
                state=self._state,
                uptime=None if self._pid is None else self._clock() - self._started,
                restarts=max(self._starts - 1, 0),
                message=self._message,
                is_worker=self.spec.is_worker,
                kind=self.spec.kind,
                host="" if self._pid is None else self._host,
            )

    def output(self) -> list[str]:
        """The last lines that the process wrote, over all its restarts."""
        with self._lock:
            return list(self._lines)

    def begun(self, pid: int, host: str = "") -> None:
        """Called by its child: it runs."""
        with self._lock:
            self._pid, self._host = pid, host
            self._state = State.STOPPING if self._stop.is_set() else State.RUNNING
            self._started = self._clock()
            self._starts += 1
        self._listener.changed(self.spec.name, "")

    def interrupted(self, sentence: str) -> None:
        """Called by its child: it does not run, and will again."""
        with self._lock:
            self._pid = None
            if not self._stop.is_set():
                self._state = State.RESTARTING if self._starts else State.WAITING
            self._message = sentence
        self._listener.changed(self.spec.name, sentence)

    def wrote(self, lines: Iterator[str]) -> None:
        """Called by its child: its output."""
        for line in lines:
            with self._lock:
                self._lines.append(line)
                self._message = line.strip() or self._message
            self._listener.line(self.spec.name, line)

    def _live(self) -> None:
        while True:
            child = self._spawn()
            if child is None:
                return
            ending = child.attend(self)
            with self._lock:
                self._child = self._pid = None
            delay = self._after_death(ending)
            if delay is None or self._stop.wait(delay):
                break
        with self._lock:
            if self._state is not State.GIVEN_UP:
                self._state = State.ENDED
        self._listener.changed(self.spec.name, "")

    def _spawn(self) -> Child | None:
        """Start it; None where it is to end, or cannot be started. What it ran from may be away for a while, as memory may be."""
        while True:
            before = self._message
            with self._lock:
                if self._stop.is_set():
                    self._state = State.ENDED
                    return None
                try:
                    self._child = self._ground(self.spec)
                except OSError as error:
                    passes = self._starts > 0 or error.errno in SHORTAGES
                    self._message = f"{self.spec.name} cannot be started: {error}"
                    self._state = State.GIVEN_UP
                    if passes:
                        self._message += f"; it is tried again every {self._policy.longest_delay:g} s"
                        self._state = State.RESTARTING if self._starts else State.WAITING
                else:
                    return self._child
            self._listener.changed(self.spec.name, self._message if self._message != before else "")
            if not passes:
                return None
            self._stop.wait(self._policy.longest_delay)

    def _after_death(self, ending: Ending) -> float | None:
        """Seconds until the next start, None when there is none."""
        if self._stop.is_set() or ending.status == RETIRED:
            return None
        now = self._clock()
        renewed = ending.status == RENEWED
        if not renewed:
            self._deaths.append(now)
        delay = self._policy.first_delay if renewed else self._policy.delay(self._deaths, now)
        delay = None if ending.status == REFUSED else delay
        if ending.status == REFUSED:
            sentence = (
                f"{self.spec.name} {ending.how}: it cannot do what it was asked for and is not started again"
            )
        elif delay is None:
            sentence = (
                f"{self.spec.name} {ending.how}; it ended {self._policy.deaths} times within {self._policy.within:g} s "
                "and is not started again"
            )
        elif renewed:
            sentence = (
                f"{self.spec.name} ended to begin anew, as it said above, and starts again in {delay:.1f} s"
            )
        else:
            sentence = f"{self.spec.name} {ending.how} and starts again in {delay:.1f} s"
        with self._lock:
            self._state = State.RESTARTING if delay is not None else State.GIVEN_UP
            self._message = sentence
        self._listener.changed(self.spec.name, sentence)
        return delay

"""One child process and its life: started, watched, started again after a death, given up when that does not help.

Each child has a thread of its own, which starts it and outlives it; Linux ends a child when the *thread* that started it
ends, so children must never be started from a thread that may end before them.
"""

from __future__ import annotations

import contextlib
import enum
import os
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from beamloom.exit_status import REFUSED, RENEWED

KEPT_LINES = 200
LONGEST_LINE = 65536
CHUNK = 65536
PIPE_CAPACITY = 1 << 20
"""The largest pipe that Linux gives without privileges, in bytes."""
POLL_INTERVAL = 0.2
"""Seconds between two looks at a child where the system does not tell when it ends."""


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
    """Died too often, or cannot be started; stays dead."""


class ProcessSpec(msgspec.Struct, frozen=True):
    """What to start."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = {}
    """Variables beside those of the supervisor."""
    stop_stage: int = 0
    """Lower stages are told to end earlier."""
    is_worker: bool = False
    """Whether it is one of many workers, of which there may be more or fewer."""


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
    """One child process, kept alive."""

    def __init__(
        self,
        spec: ProcessSpec,
        policy: RestartPolicy,
        listener: Listener,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec = spec
        self._policy = policy
        self._listener = listener
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._state = State.WAITING
        self._started = 0.0
        self._starts = 0
        self._deaths: list[float] = []
        self._message = ""
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._thread = threading.Thread(target=self._live, name=f"placement-{spec.name}", daemon=True)

    def start(self) -> None:
        """Start the child, and keep it alive from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the child to end (SIGTERM) and do not start it again; returns at once."""
        with self._lock:
            self._stop.set()
            if self._child is not None and self._child.returncode is None:
                self._state = State.STOPPING
                os.kill(self._child.pid, signal.SIGTERM)
        self._listener.changed(self.spec.name, "")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int | None:
        """Send a signal to the child and all that it started; returns its pid, None when it does not run."""
        with self._lock:
            if self._child is None or self._child.returncode is not None:
                return None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)
            return self._child.pid

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the child has ended for good; False when ``timeout`` seconds did not suffice."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def status(self) -> ProcessStatus:
        """How the process is at this moment."""
        with self._lock:
            alive = self._child is not None and self._child.returncode is None
            return ProcessStatus(
                name=self.spec.name,
                pid=self._child.pid if alive and self._child else None,
                state=self._state,
                uptime=self._clock() - self._started if alive else None,
                restarts=max(self._starts - 1, 0),
                message=self._message,
                is_worker=self.spec.is_worker,
            )

    def output(self) -> list[str]:
        """The last lines that the process wrote, over all its restarts."""
        with self._lock:
            return list(self._lines)

    def _live(self) -> None:
        while True:
            child = self._spawn()
            if child is None:
                return
            self._listener.changed(self.spec.name, "")
            self._attend(child)
            delay = self._after_death(child)
            if delay is None or self._stop.wait(delay):
                break
        with self._lock:
            if self._state is not State.GIVEN_UP:
                self._state = State.ENDED
        self._listener.changed(self.spec.name, "")

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stop.is_set():
                self._state = State.ENDED
                return None
            try:
                self._child = subprocess.Popen(
                    self.spec.argv,
                    env={**os.environ, "PYTHONUNBUFFERED": "1", **self.spec.env},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                self._state = State.GIVEN_UP
                self._message = f"{self.spec.name} cannot be started: {error}"
            else:
                self._state = State.RUNNING
                self._started = self._clock()
                self._starts += 1
                return self._child
        self._listener.changed(self.spec.name, self._message)
        return None

    def _attend(self, child: subprocess.Popen[bytes]) -> None:
        """Read the child's output until it has ended, then end whatever it left behind in its group."""
        if child.stdout is None:
            raise RuntimeError("the child was started without a pipe for its output")
        pipe = child.stdout.fileno()
        os.set_blocking(pipe, False)
        cutter = _LineCutter()
        self._read_until_ended(child, pipe, cutter)
        with self._lock:
            # Only now is the child reaped: until here nobody else can have its pid, and so its group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self._take(cutter.cut(what_is_left(pipe)))
        self._take(cutter.rest())
        child.stdout.close()

    def _read_until_ended(self, child: subprocess.Popen[bytes], pipe: int, cutter: _LineCutter) -> None:
        with contextlib.ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            selector.register(pipe, selectors.EVENT_READ)
            ended = _pidfd(child.pid)
            if ended is not None:
                stack.callback(os.close, ended)
                selector.register(ended, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(None if ended is not None else POLL_INTERVAL)}
                if ended in ready or (ended is None and child.poll() is not None):
                    return
                if pipe in ready:
                    chunk = os.read(pipe, CHUNK)
                    self._take(cutter.cut(chunk))
                    if not chunk:
                        selector.unregister(pipe)

    def _take(self, lines: Iterator[str]) -> None:
        for line in lines:
            with self._lock:
                self._lines.append(line)
                self._message = line.strip() or self._message
            self._listener.line(self.spec.name, line)

    def _after_death(self, child: subprocess.Popen[bytes]) -> float | None:
        """Seconds until the next start, None when there is none."""
        if self._stop.is_set():
            return None
        now = self._clock()
        renewed = child.returncode == RENEWED
        if not renewed:
            self._deaths.append(now)
        how = _how_it_ended(child.returncode)
        delay = self._policy.first_delay if renewed else self._policy.delay(self._deaths, now)
        delay = None if child.returncode == REFUSED else delay
        if child.returncode == REFUSED:
            sentence = f"{self.spec.name} {how}: it cannot do what it was asked for and is not started again"
        elif delay is None:
            sentence = (
                f"{self.spec.name} {how}; it ended {self._policy.deaths} times within {self._policy.within:g} s "
                "and is not started again"
            )
        elif renewed:
            sentence = (
                f"{self.spec.name} ended to begin anew, as it said above, and starts again in {delay:.1f} s"
            )
        else:
            sentence = f"{self.spec.name} {how} and starts again in {delay:.1f} s"
        with self._lock:
            self._state = State.RESTARTING if delay is not None else State.GIVEN_UP
            self._message = sentence
        self._listener.changed(self.spec.name, sentence)
        return delay


class _LineCutter:
    """Cuts a stream of bytes into lines of text; a line that never ends is cut at LONGEST_LINE bytes."""

    def __init__(self) -> None:
        self._begun = b""

    def cut(self, chunk: bytes) -> Iterator[str]:
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        if len(self._begun) > LONGEST_LINE:
            lines.append(self._begun)
            self._begun = b""
        return (line.rstrip(b"\r").decode(errors="replace") for line in lines)

    def rest(self) -> Iterator[str]:
        begun, self._begun = self._begun, b""
        return iter([begun.decode(errors="replace")] if begun else [])


def _pidfd(pid: int) -> int | None:
    """A file descriptor that becomes readable when the child ends; None where the system has none."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def what_is_left(pipe: int) -> bytes:
    """What still stands in a pipe whose writers are gone, or should be."""
    left = b""
    with contextlib.suppress(BlockingIOError):
        while len(left) < PIPE_CAPACITY and (chunk := os.read(pipe, CHUNK)):
            left += chunk
    return left


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"

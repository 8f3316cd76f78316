"""One worker process as the pool sees it: its queue, since when it is at the first chunk in it, and what is left of it when it ends."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import BinaryIO, Final

import msgspec

from beamloom.rules.executors.pipes import Alive, Forget, FromWorker, Ready, ToWorker, receive, send
from beamloom.rules.policy import DIED, TIMED_OUT
from beamloom.rules.spec import Coming, Done, Failed, Lease, Outcome, Returned, Setup, Work

PARTING: Final = 5.0
"""Seconds that it may take to end by itself once nothing more can come of it."""


class Process:
    """Methods are called with the pool's turn held, but for ``left`` and ``join``."""

    def __init__(self, came: Callable[[Process, Outcome], None], ended: Callable[[Process], None]) -> None:
        self.queue: deque[tuple[Setup, Work]] = deque()
        """Chunks that it has; it is at the first one."""
        self.was_ready = False
        """It has started well."""
        self._came = came
        self._ended = ended
        self._known: set[int] = set()
        self._since = time.monotonic()
        """When it began with the first chunk in its queue."""
        self._heard = time.monotonic()
        self._verdict: tuple[Lease | None, str, str] | None = None
        """Why it was ended: at which chunk, a kind and a sentence."""
        self._turn = threading.Lock()
        self._dropped: set[int] = set()
        self._to_send: queue.SimpleQueue[ToWorker | None] = queue.SimpleQueue()
        code = f"import sys; sys.path[:] = {sys.path!r}; from beamloom.rules.executors.worker import main; main()"
        self._popen = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A group of its own, with which all ends that its tasks have started.
            start_new_session=True,
        )
        threading.Thread(target=self._tell, name=f"rules-tell-{self.pid}", daemon=True).start()
        self._thread = threading.Thread(target=self._listen, name=f"rules-worker-{self.pid}", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._popen.pid

    @property
    def status(self) -> int | None:
        """Its exit status."""
        return self._popen.returncode

    @property
    def condemned(self) -> bool:
        """The pool has ended it."""
        return self._verdict is not None

    def give(self, setup: Setup, work: Work) -> None:
        """One more chunk; a process that has died meanwhile gives it back by ``left``."""
        with self._turn:
            if not self.queue:
                self._since = time.monotonic()
            self.queue.append((setup, work))
        if setup.step not in self._known:
            self._to_send.put(setup)
            self._known.add(setup.step)
        self._to_send.put(work)

    def expect(self, coming: Coming) -> None:
        """Chunks of a step are awaited."""
        self._to_send.put(coming)

    def judge(self, now: float, silence: float) -> None:
        """End it if it takes too long, or shows no sign of life."""
        with self._turn:
            if self._verdict is not None:
                return
            if now - self._heard > silence:
                self._condemn(DIED, f"the worker has shown no sign of life for {silence:g} s, and was ended")
            elif self.queue and self.was_ready:
                limit = self.queue[0][0].spec.timeout
                if limit is not None and now - self._since > limit:
                    self._condemn(TIMED_OUT, f"it took longer than the {limit:g} s that the rule allows")

    def drop(self, step: int) -> None:
        """Nobody needs chunks of ``step`` any more."""
        self._known.discard(step)
        with self._turn:
            if any(setup.step == step for setup, _ in self.queue):
                self._dropped.add(step)
                self._condemn(DIED, "the rule was cancelled")
                return
        self._to_send.put(Forget(step))

    def left(self) -> list[Outcome]:
        """What becomes of its queue, after its end: the first chunk has failed by it, the others were never begun."""
        outcomes: list[Outcome] = []
        for place, (_, work) in enumerate(self.queue):
            at, kind, sentence = self._verdict or (
                work.lease,
                DIED,
                f"the worker died ({_cause(self.status)})",
            )
            innocent = place or at != work.lease or self._dropped
            if innocent or not self.was_ready:
                outcomes.append(Returned(work.lease))
            else:
                outcomes.append(Failed(work.lease, [kind], sentence))
        self.queue.clear()
        return outcomes

    def kill(self) -> None:
        """End it and what its tasks have started, whatever they do."""
        if self._popen.returncode is None:
            self._end_group()
            self._popen.kill()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _condemn(self, kind: str, sentence: str) -> None:
        self._verdict = (self.queue[0][1].lease if self.queue else None, kind, sentence)
        self.kill()

    def _end_group(self) -> None:
        with contextlib.suppress(OSError, AttributeError):  # there are none on Windows
            os.killpg(self.pid, signal.SIGKILL)

    def _tell(self) -> None:
        """In a thread of its own, as a process that stands still reads nothing: it is to be judged, and holds up nobody."""
        pipe: BinaryIO = self._popen.stdin  # type: ignore[assignment]
        while (message := self._to_send.get()) is not None:
            with contextlib.suppress(OSError):
                send(pipe, message)
        with contextlib.suppress(OSError):
            pipe.close()

    def _listen(self) -> None:
        pipe: BinaryIO = self._popen.stdout  # type: ignore[assignment]
        try:
            self._hear(pipe)
        except Exception as error:  # noqa: BLE001 - nobody would see the end of this thread
            with self._turn:
                if self._verdict is None:
                    self._condemn(DIED, f"the worker wrote what is no message ({error}), and was ended")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(PARTING)
        # Nobody else can have its number as that of a group while one of the group is there.
        self._end_group()
        self._popen.kill()
        self._popen.wait()
        self._to_send.put(None)
        with contextlib.suppress(OSError):
            pipe.close()
        self._ended(self)

    def _hear(self, pipe: BinaryIO) -> None:
        decoder = msgspec.msgpack.Decoder(FromWorker)
        while (body := receive(pipe)) is not None:
            message = decoder.decode(body)
            self._heard = time.monotonic()
            if isinstance(message, Ready):
                self.was_ready = True
                self._since = self._heard
            elif not isinstance(message, Alive):
                self._finished(message)

    def _finished(self, outcome: Done | Failed) -> None:
        with self._turn:
            self.queue.popleft()
            self._since = self._heard
        self._came(self, outcome)


def _cause(status: int | None) -> str:
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-status).name}"
    return f"exit status {status}"

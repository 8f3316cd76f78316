"""What a Dask worker does with a chunk: one of its own processes works it off, as in the local pool.

A task of Dask is a thread, and nothing can end a thread. So each chunk is given to a process on a pipe: a time limit ends that process,
and a task that ends its process costs its own chunk an attempt, and the Dask worker nothing. The processes end with the Dask worker.

Nothing here is pickled but the name of ``work_off``: what goes to it and comes back is MessagePack.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import Any, Final

import msgspec

from beamloom.rules.errors import RuleError
from beamloom.rules.executors.process import Process
from beamloom.rules.spec import Coming, Done, Failed, Outcome, Returned, Setup, Work

LOOK: Final = 0.1
"""Seconds between two looks at the time limit."""
SILENCE: Final = 60.0
"""Seconds without a sign of life after which a process is taken for dead."""
IDLE: Final = 60.0
"""Seconds after which a process without work is ended: other people use the cluster, too."""
STEPS: Final = 8
"""A process keeps the files of so many steps open."""
STARTS: Final = 3
"""So many processes that end before they have started, one after the other, are no accident."""


class Seat:
    """One process, and what it works for."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.turn = threading.Lock()
        self.since = time.monotonic()
        """When it was last given back."""
        self._steps: deque[int] = deque()
        self._back: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self.process = Process(
            lambda process, outcome: self._back.put(outcome), lambda process: self._back.put(None)
        )

    def work_off(self, setup: Setup, work: Work) -> Outcome:
        """What became of the chunk."""
        with self.turn:
            if setup.step in self._steps:
                self._steps.remove(setup.step)
            elif len(self._steps) == STEPS:
                self.process.drop(self._steps.popleft())
            self._steps.append(setup.step)
            self.process.give(setup, work)
        while True:
            try:
                outcome = self._back.get(timeout=LOOK)
            except queue.Empty:
                with self.turn:
                    self.process.judge(time.monotonic(), SILENCE)
                continue
            if outcome is not None:
                return outcome
            return next(iter(self.process.left()), Returned(work.lease))

    def expect(self, coming: Coming) -> None:
        """Chunks of a step are awaited."""
        with self.turn:
            self.process.expect(coming)

    @property
    def alive(self) -> bool:
        """It can be given another chunk."""
        return not self.process.condemned and self.process.status is None

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.join()


class Seats:
    """The processes of one Dask worker."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._idle: list[Seat] = []
        self._busy: dict[Seat, int] = {}
        """The step that each is at."""
        self._clock: threading.Timer | None = None

    def work_off(self, engine: str, setup: Setup, work: Work) -> Done | Failed | Returned:
        """What became of the chunk. Raises RuleError where no process can be started here."""
        seat = None
        for _ in range(STARTS):
            seat = self._take(engine, setup.step)
            try:
                outcome = seat.work_off(setup, work)
            finally:
                self._give_back(seat)
            # A process that has ended before it began has not touched the chunk; one that was told to end is not asked again.
            if not isinstance(outcome, Returned) or seat.process.was_ready or seat.process.condemned:
                return outcome
        status = None if seat is None else seat.process.status
        raise RuleError(
            f"processes end before they start (exit status {status}); what they say is in the output of the Dask worker"
        )

    def expect(self, engine: str, coming: Coming, count: int) -> None:
        """Have so many processes ready for a step."""
        seats = [self._take(engine, coming.step) for _ in range(count)]
        for seat in seats:
            seat.expect(coming)
            self._give_back(seat)

    def end(self, engine: str, step: int | None) -> None:
        """Nobody needs what ``engine`` has asked for any more: of one step, or of all."""
        with self._turn:
            going = [seat for seat, at in self._busy.items() if seat.engine == engine and step in (None, at)]
            idle = [seat for seat in self._idle if seat.engine == engine and step is None]
            self._idle = [seat for seat in self._idle if seat not in idle]
            for seat in going:
                with seat.turn:
                    seat.process.drop(self._busy[seat])
        for seat in idle:
            seat.end()

    def _take(self, engine: str, step: int) -> Seat:
        with self._turn:
            found = next((seat for seat in reversed(self._idle) if seat.engine == engine), None)
            if found is not None:
                self._idle.remove(found)
            seat = found if found is not None and found.alive else Seat(engine)
            self._busy[seat] = step
            return seat

    def _give_back(self, seat: Seat) -> None:
        with self._turn:
            del self._busy[seat]
            if seat.alive:
                seat.since = time.monotonic()
                self._idle.append(seat)
            self._see_to_clock()

    def _see_to_clock(self) -> None:
        if self._clock is None and self._idle:
            self._clock = threading.Timer(IDLE, self._end_idle)
            self._clock.daemon = True
            self._clock.start()

    def _end_idle(self) -> None:
        with self._turn:
            now = time.monotonic()
            idle = [seat for seat in self._idle if now - seat.since >= IDLE]
            self._idle = [seat for seat in self._idle if seat not in idle]
            self._clock = None
            self._see_to_clock()
        for seat in idle:
            seat.end()


_SEATS = Seats()
_SETUP = msgspec.msgpack.Decoder(Setup)
_COMING = msgspec.msgpack.Decoder(Coming)
_WORK = msgspec.msgpack.Decoder(Work)


def work_off(engine: str, setup: bytes, work: bytes) -> bytes:
    """Called by Dask on a worker: the outcome of one chunk, as MessagePack."""
    return msgspec.msgpack.encode(_SEATS.work_off(engine, _SETUP.decode(setup), _WORK.decode(work)))


def expect(engine: str, coming: bytes, dask_worker: Any = None) -> None:
    """Called by Dask on every worker, which it passes: have a process for each thread ready for a step."""
    count = 1 if dask_worker is None else dask_worker.state.nthreads
    _SEATS.expect(engine, _COMING.decode(coming), count)


def end(engine: str, step: int | None = None) -> None:
    """Called by Dask on every worker: end what works for ``engine``, of one step or of all."""
    _SEATS.end(engine, step)

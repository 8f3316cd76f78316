"""The workers, with a model of what the analysis takes, and the reducer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from beamloom.engine.accounts.collector import Collector
from beamloom.engine.assembling.assembler import Assembler
from beamloom.engine.assembling.ready import ReadyRun
from beamloom.services.reducer.acknowledging import Acknowledgements
from beamloom.services.worker.run import EVENTS_PER_TURN
from beamloom.services.worker.service import TURN_SECONDS
from beamloom.transport.messages import CONTROLLER, Arm, Armed, Fence, Fenced, Orders, Reduced, Taken
from simulation.costs import Costs
from simulation.detector_side import Parcel
from simulation.world import HEAD, Host, Process, World

RESULT_BYTES = 100
REDUCER = "reducer"


class Batch(NamedTuple):
    """Results of a turn."""

    sequence: int
    ranges: list[tuple[int, int, int]]
    """Slot, first event and one past the last."""


class Worker(Process):
    """One worker."""

    def __init__(
        self,
        world: World,
        name: str,
        host: Host,
        costs: Costs,
        seconds: Callable[[int], npt.NDArray[np.float64]],
    ) -> None:
        """``seconds``: what the analysis takes for each of so many events, less those of the pipeline."""
        super().__init__(world, name, host)
        self.events = 0
        self._costs, self._seconds = costs, seconds
        self._assembler = Assembler()
        self._ready: list[ReadyRun] = []
        self._sequence = 0

    def turn(self, now: float) -> float:
        letters, costs = self.take(), self._costs
        cost = len(letters) * costs.receive
        for letter in letters:
            match letter.message:
                case Parcel() as parcel:
                    stream, slot, attempt, first, count, expected = parcel
                    self._assembler.add(stream, slot, attempt, first, expected, range(count))  # type: ignore[arg-type]
                    cost += costs.worker_message + letter.nbytes * costs.byte
                case Orders() as orders:
                    for first, stop in orders.dropped:
                        self._assembler.drop(first, stop)
                    self._assembler.lease(orders.spans)
                case Arm() as arm:
                    self.tell(Armed(arm.run))
                case _:
                    pass
        if not self._ready:
            self._ready = self._assembler.take_ready(EVENTS_PER_TURN)
        return cost + (self._work() if self._ready else 0.0)

    def _work(self) -> float:
        """Begin events until the turn has lasted long enough."""
        count = sum(map(len, self._ready))
        ends = np.cumsum(self._seconds(count) + self._costs.worker_event)
        done = min(int(np.searchsorted(ends, TURN_SECONDS)) + 1, count)
        left, ranges = done, []
        while left:
            run = self._ready[0]
            some = min(left, len(run))
            ranges.append((run.slot, run.first, run.first + some))
            left -= some
            self._ready[:1] = [run.behind(run.first + some)] if some < len(run) else []
        self._sequence += 1
        self.events += done
        self.post(REDUCER, Batch(self._sequence, ranges), HEAD + done * RESULT_BYTES)
        return float(ends[done - 1]) + self._costs.send

    def rest(self, now: float) -> float:
        return 0.0 if self.inbox or self._ready else math.inf


class Reducer(Process):
    """The reducer; knows when each event was in the result."""

    def __init__(self, world: World, host: Host, costs: Costs, seconds: float, events: int) -> None:
        """``seconds`` for each event are the analysis'."""
        super().__init__(world, REDUCER, host)
        self.taken_at: npt.NDArray[np.float64] = np.full(events, np.nan)
        self.duplicates = 0
        self._collector, self._acknowledgements = Collector(), Acknowledgements()
        self._costs, self._seconds = costs, seconds
        self._run = ""

    def turn(self, now: float) -> float:
        letters, costs = self.take(), self._costs
        cost = len(letters) * costs.receive
        for letter in letters:
            match letter.message:
                case Batch() as batch:
                    cost += costs.reducer_message + letter.nbytes * costs.byte
                    cost += self._reduce(letter.sender, batch, now + cost)
                case Fence(worker=worker):
                    self._collector.fence(worker)
                    cost += self._acknowledge(now, always=True) + costs.send
                    self.tell(Fenced(self._run, worker))
                case Arm() as arm:
                    self._run = arm.run
                    self.tell(Armed(arm.run))
                case _:
                    pass
        return cost + self._acknowledge(now)

    def _reduce(self, worker: str, batch: Batch, now: float) -> float:
        sequence, ranges = batch
        cost, each = 0.0, self._costs.reducer_event + self._seconds
        deliveries = []
        for slot, first, stop in ranges:
            for a, b in self._collector.take(worker, slot, first, stop):
                self.taken_at[a:b] = now + cost + each * np.arange(1, b - a + 1)
                cost += each * (b - a)
                deliveries.append((worker, slot, a, b))
        self._acknowledgements.took(worker, sequence, deliveries)
        return cost

    def _acknowledge(self, now: float, *, always: bool = False) -> float:
        told = self._acknowledgements.take() if always else self._acknowledgements.take_due(now)
        if told is None:
            return 0.0
        for worker, sequence in told.sequences.items():
            self.post(worker, Taken(self._run, sequence))
        self.post(CONTROLLER, Reduced(self._run, told.deliveries), HEAD + 30 * len(told.deliveries))
        return (len(told.sequences) + 1) * self._costs.send

    def rest(self, now: float) -> float:
        return 0.0 if self.inbox else self._acknowledgements.wait(now)

"""A worker and a reducer that have one run to themselves, in this process and thread.

Both are the services of any pipeline, over channels in memory. Who has this is their controller and their ingesters: it gives them events
whole, and hears what became of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from beamloom.analysis import ReducerAnalysis
from beamloom.engine.accounts.faults import Failure
from beamloom.engine.assignment import Span
from beamloom.engine.ranges import Range
from beamloom.services.reducer.service import ReducerService
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.shell.evidence import Evidence
from beamloom.services.shell.guard import Notes
from beamloom.services.shell.loop import Service
from beamloom.services.worker.service import TURN_SECONDS, WorkerService
from beamloom.services.worker.user_map import Map
from beamloom.settings import ReducerSettings, ShadowWorkerSettings, WorkerSettings, settings_of
from beamloom.transport.memory import Exchange, MemoryChannel
from beamloom.transport.messages import (
    CONTROLLER,
    Arm,
    Armed,
    Failed,
    Finish,
    Finished,
    Heard,
    Orders,
    PacketBlock,
    Packets,
    Parameters,
    Reduced,
    Register,
    Said,
    Tick,
    Welcome,
)
from beamloom.transport.packing import large_sizes

WORKER, REDUCER = "worker", "reducer"
LONGEST_START = 1000
"""Turns in which both have to be ready; user code is called in them, so that they are no time."""


def worker_package(analysis: str) -> str:
    """The package of a class, as module:Class: what its results are made of may be imported."""
    return analysis.partition(":")[0].partition(".")[0]


class Done(msgspec.Struct, frozen=True):
    """What became of deliveries of one slot."""

    slot: int
    events: list[Range]
    failure: Failure | None = None
    """Why they failed; None where they are in the result."""


class ShadowPair:
    """The two of them."""

    def __init__(
        self,
        settings: ShadowWorkerSettings,
        load_worker: Callable[[], Map],
        load_reducer: Callable[[], ReducerAnalysis | None],
        desk: SnapshotDesk,
        notes: Notes | None = None,
        evidence: Evidence | None = None,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        """``desk`` shows what the reducer publishes; ``notes`` are what the guard of this process reads."""
        exchange = Exchange()
        self._exchange = exchange
        self._channel = exchange.channel(CONTROLLER)
        self._members: list[tuple[Service, MemoryChannel]] = []
        own = {name: getattr(settings, name) for name in settings_of(WorkerSettings)}
        channel = exchange.channel(WORKER)
        self.worker = WorkerService(
            WorkerSettings(**own),
            channel,
            f"memory://{CONTROLLER}",
            load_worker,
            turn_seconds=turn_seconds,
            notes=None if notes is None else notes.nameless(),
            evidence=evidence,
        )
        self._members.append((self.worker, channel))
        channel = exchange.channel(REDUCER)
        reducer = ReducerSettings(
            name=settings.name,
            reducer_class=settings.reducer_class,
            analysis_path=settings.analysis_path,
            result_packages=(worker_package(settings.worker_class),) if settings.worker_class else (),
            allow_pickle=True,  # What a process sends to itself nobody else has made.
            journal=False,
        )
        self.reducer = ReducerService(
            reducer, channel, f"memory://{CONTROLLER}", load_reducer, desk, acknowledges_every=0.0
        )
        self._members.append((self.reducer, channel))
        for name in (WORKER, REDUCER):
            self._channel.connect(name, f"memory://{name}")
        self._run = ""
        self._tick_every: float | None = None
        self._next_tick = 0.0
        self._done: list[Done] = []
        self._armed: dict[str, str | None] = {}
        self._finished: set[str] = set()
        self.registers: dict[str, Register] = {}
        """What the two say of themselves."""
        self.turn(0.0)

    # ---- a run ----------------------------------------------------------------------------------------------------------

    def begin(self, arm: Arm, analyses: Sequence[str], now: float) -> str | None:
        """A run begins for both; returns why it cannot."""
        self._run, self._armed, self._done = arm.run, {}, []
        self._finished.clear()
        here = msgspec.structs.replace(
            arm,
            reducer=(REDUCER, f"memory://{REDUCER}"),
            workers={WORKER: f"memory://{WORKER}"},
            layouts={},
            analyses=list(analyses),
            total_events=None,
            record_prefix="",
        )
        self._tick_every = None
        for name in (REDUCER, WORKER):
            self._channel.send(name, here)
        for _ in range(LONGEST_START):
            if len(self._armed) == len(self._members):
                break
            self.turn(now)
        problems = [problem for problem in self._armed.values() if problem]
        self._next_tick = now
        return "; ".join(problems) or None

    def tell(self, parameters: Parameters) -> None:
        """A parameter epoch."""
        for name in (REDUCER, WORKER):
            self._channel.send(name, parameters)

    def give(
        self, slot: int, event: int, epoch: int, blocks: dict[str, PacketBlock], buffers: Sequence[Any]
    ) -> None:
        """One event, with the packets of its streams."""
        self._channel.send(WORKER, Orders(self._run, [Span(event, 1, WORKER, slot, 1, epoch)]))
        at = 0
        for stream, block in blocks.items():
            stop = at + 1 + len(large_sizes(block))
            packets = Packets(self._run, stream, slot, 1, event, len(blocks), block)
            self._channel.send(WORKER, packets, buffers[at:stop])
            at = stop

    def finish(self, now: float) -> None:
        """No event of the run is to come: the hooks for that are called, those of the worker first."""
        run, self._run = self._run, ""
        for name in (WORKER, REDUCER):
            self._channel.send(name, Finish(run))
            for _ in range(LONGEST_START):
                if name in self._finished:
                    break
                self.turn(now)

    # ---- time -----------------------------------------------------------------------------------------------------------

    def turn(self, now: float) -> list[Done]:
        """Both have a turn; returns what became of events since."""
        if self._tick_every is not None and self._run and now >= self._next_tick:
            self._next_tick = now + self._tick_every
            self._channel.send(WORKER, Tick(self._run))
        for service, channel in self._members:
            for received in channel.receive(0.0):
                service.receive(received, now)
            service.turn(now)
        for sender, message, _ in self._channel.receive(0.0):
            self._hear(sender, message)
        done, self._done = self._done, []
        return done

    def _hear(self, sender: str, message: Any) -> None:
        match message:
            case Register() as register:
                self.registers[sender] = register
                self._channel.send(sender, Welcome())
            case Armed(run=run, problem=problem, tick_interval=interval) if run == self._run:
                self._armed[sender] = problem
                if interval is not None:
                    self._tick_every = interval
            case Reduced(run=run, deliveries=deliveries) if run == self._run:
                self._done += [Done(slot, [(first, stop)]) for _, slot, first, stop in deliveries]
            case Failed(run=run, slot=slot, event=event, combined=combined, failure=failure):
                events = combined or ([] if event is None else [(event, event + 1)])
                self._done.append(Done(slot, events, failure))
            case Said(run=run, feedback=feedback) if feedback:
                # It is taken note of here and goes no further.
                self._channel.send(REDUCER, Heard(run, feedback[-1].number))
            case Finished():
                self._finished.add(sender)
            case _:
                pass

    def wait(self, now: float) -> float:
        """Seconds in which nothing needs to be done."""
        if self._exchange.busy or self._done:
            return 0.0
        return min(service.wait(now) for service, _ in self._members)

    def leave(self, reason: str) -> None:
        """The process ends."""
        for service, channel in self._members:
            service.leave(reason)
            channel.close()

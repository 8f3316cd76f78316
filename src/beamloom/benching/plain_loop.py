"""The hooks of an analysis, called in a plain loop over the packets: what the analysis itself costs, without any pipeline.

Policy: everything that the user wrote is measured call by call, and so is what happens to a result on its way; nothing else is between.
Packets tell when they are parsed, so that parsing is known as a part of the hook that asked for it. Each pass begins with new instances.
The first pass is not counted, where there is time for more, and of those only the quicker half is: what else goes on on the machine makes
a pass slower and never quicker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from beamloom.analysis import ErrorCapsule, ReducerAnalysis, WorkerAnalysis, WorkerState
from beamloom.benching.durations import Durations, durations
from beamloom.benching.material import Material
from beamloom.detectors.geometry import Detector
from beamloom.detectors.packets import with_detectors
from beamloom.events import Event, Packet, Result
from beamloom.parameters import Parameters, ParameterSet
from beamloom.services.shell.code_version import reducer_state
from beamloom.services.shell.raised import RAISED, pass_interrupt
from beamloom.transport.codec import Decoder, Encoder
from beamloom.transport.metering import Meter
from beamloom.version import VERSION

T = TypeVar("T")
RUN = "bench"
TIMER_CALLS = 3
"""The timer is called by the clock; it is measured so often in a pass."""


class Hook(msgspec.Struct, frozen=True):
    """One thing that was called."""

    name: str
    seconds: Durations
    per_event: float
    """How often, for each event."""

    @property
    def seconds_per_event(self) -> float:
        """Mean seconds for each event."""
        return self.seconds.mean * self.per_event


class PlainLoop(msgspec.Struct, frozen=True):
    """What was measured."""

    events: int
    passes: int
    """How many passes were counted."""
    seconds_read: float
    """Reading the recording, for each event."""
    hooks: dict[str, Hook]
    """By what they are: parse, worker, encode, decode, reducer, timer, finish."""
    result_bytes: float
    """Mean bytes of an encoded result."""
    failed: int
    """Events for which a hook raised something."""
    error: str | None
    """The first that was raised."""
    queued: float = 0.0
    """The part of the time in which no processor was free, from 0 to 1."""

    def seconds(self, *hooks: str) -> float:
        """Seconds for each event that these hooks take together."""
        return sum(self.hooks[hook].seconds_per_event for hook in hooks if hook in self.hooks)

    @property
    def rate(self) -> float:
        """Events per second of the loop over what it reads, without reading."""
        return 1.0 / max(self.seconds("worker", "reducer"), 1e-9)


class _Spent:
    """Durations by what they were spent on."""

    def __init__(self) -> None:
        self.on: dict[str, list[float]] = {}
        self.events = 0
        self.failed = 0
        self.bytes = 0
        self.seconds = 0.0
        self.queued = 0.0
        self.error: str | None = None

    def add(self, other: _Spent) -> None:
        """What another pass took."""
        for what, some in other.on.items():
            self.on.setdefault(what, []).extend(some)
        self.events += other.events
        self.failed += other.failed
        self.bytes += other.bytes
        self.seconds += other.seconds
        self.queued += other.queued
        self.error = self.error or other.error

    def timed(self, what: str, call: Callable[[], T]) -> T:
        begun = time.perf_counter()
        try:
            return call()
        finally:
            self.on.setdefault(what, []).append(time.perf_counter() - begun)

    def fail(self, where: str, error: BaseException) -> None:
        pass_interrupt(error)
        self.failed += 1
        self.error = self.error or str(ErrorCapsule.from_exception(where, error))


class Loop:
    """Calls the hooks of a worker and a reducer class."""

    def __init__(
        self,
        worker_class: type,
        reducer_class: type,
        material: Material,
        parameters: Mapping[str, bytes],
        detectors: Mapping[str, Detector],
    ) -> None:
        self._worker = WorkerAnalysis(worker_class)
        self._reducer = ReducerAnalysis(reducer_class)
        self._material = material
        self._detectors = detectors
        known = Parameters()
        known.describe([*self._worker.descriptions(), *self._reducer.descriptions()])
        known.set_many(dict(parameters))
        self._parameters: ParameterSet = known.current
        self._encoder = Encoder(allow_pickle=self._worker.pickle_results)
        package = worker_class.__module__.partition(".")[0]
        self._decoder = Decoder(trusted_packages=[package], allow_pickle=self._worker.pickle_results)

    def measure(self, seconds: float) -> PlainLoop:
        """Pass over all events for about so long, at least once. Raises what the constructors of the classes raise."""
        passes: list[tuple[float, _Spent]] = []
        meter = Meter()
        until = time.perf_counter() + seconds
        while not passes or time.perf_counter() + passes[-1][0] < until:
            begun, queued = time.perf_counter(), _queued(meter)
            spent = self._one_pass()
            spent.seconds, spent.queued = time.perf_counter() - begun, _queued(meter) - queued
            passes.append((spent.seconds, spent))
        counted = sorted(passes[1:] or passes, key=lambda one: one[0])
        quicker = counted[: (len(counted) + 1) // 2]
        total = _Spent()
        for _, spent in quicker:
            total.add(spent)
        return self._found(total, len(quicker))

    def _one_pass(self) -> _Spent:
        spent = _Spent()
        parameters = self._parameters
        state = WorkerState(name="worker", run=RUN, version=VERSION, parameters_hash=parameters.hash)
        self._worker.start(parameters, {}, state)
        self._reducer.start(parameters, {}, reducer_state("reducer", RUN, parameters.hash, None))
        timed = _timed_packet(spent)
        for number, streams in self._material.events.items():
            spent.events += 1
            packets: dict[str, Packet] = {
                stream: timed(packet.typ, packet.frames, packet.number, packet.kind)
                for stream, packet in streams.items()
            }
            event = Event(number, with_detectors(packets, self._detectors) if self._detectors else packets)
            self._one_event(event, spent)
        for _ in range(TIMER_CALLS if self._reducer.has_timer else 0):
            self._call("timer", lambda: self._reducer.timer(parameters), spent)
        self._call("finish", lambda: self._reducer.finish(parameters), spent)
        return spent

    def _call(self, hook: str, call: Callable[[], Any], spent: _Spent) -> None:
        try:
            spent.timed(hook, call)
        except RAISED as error:
            spent.fail(self._reducer.where(hook), error)

    def _one_event(self, event: Event, spent: _Spent) -> None:
        parameters, where = self._parameters, self._worker.where("process_event")
        try:
            payload = spent.timed("worker", lambda: self._worker.process_event(event, parameters, False))
            if payload is None:
                return
            encoded = spent.timed("encode", lambda: self._encoder.encode(payload))
            spent.bytes += encoded.nbytes
            there = spent.timed("decode", lambda: self._decoder.decode(encoded.head, encoded.buffers))
            result = Result(event.event_number, "worker", parameters.hash, there)
            where = self._reducer.where("process_result")
            spent.timed("reducer", lambda: self._reducer.process_result(result, parameters))
        except RAISED as error:
            spent.fail(where, error)

    def _found(self, spent: _Spent, passes: int) -> PlainLoop:
        names = {
            "parse": "parse()",
            "worker": self._worker.where("process_event"),
            "encode": "encode the result",
            "decode": "decode the result",
            "reducer": self._reducer.where("process_result"),
            "timer": self._reducer.where("timer"),
            "finish": self._reducer.where("finish"),
        }
        hooks = {
            what: Hook(name, told, told.count / spent.events)
            for what, name in names.items()
            if (told := durations(spent.on.get(what, ()))) is not None
        }
        results = len(spent.on.get("decode", ()))
        return PlainLoop(
            spent.events,
            passes,
            self._material.seconds_read,
            hooks,
            spent.bytes / results if results else 0.0,
            spent.failed,
            spent.error,
            min(1.0, spent.queued / spent.seconds),
        )


def _queued(meter: Meter) -> float:
    return meter.figures().get("queued_seconds", 0.0)


def _timed_packet(spent: _Spent) -> type[Packet]:
    """A class of packets that tell how long it takes to parse them."""

    class TimedPacket(Packet, gc=False):
        def parse(self) -> Any:
            return spent.timed("parse", lambda: Packet.parse(self))

    return TimedPacket

"""The hooks on their own: what a worker returns for each event, and whether that holds what the pipeline relies on.

A worker may be asked for an event again, by another instance, in another process, while others run beside it. So a result must follow
from its event and the parameters (unless the class is ``stateful``), must travel, and must not change once it was returned.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, Final, NamedTuple

from beamloom.analysis import ErrorCapsule, ReducerAnalysis, WorkerAnalysis, WorkerState
from beamloom.checking.comparing import Difference, differences, plain
from beamloom.checking.findings import Finding
from beamloom.detectors.geometry import Detector
from beamloom.detectors.packets import with_detectors
from beamloom.events import Event, Packet, Result
from beamloom.parameters import ParameterSet
from beamloom.services.shell.code_version import reducer_state
from beamloom.services.shell.raised import RAISED, pass_interrupt
from beamloom.transport.codec import Decoder, Encoded, Encoder, UnencodableResult
from beamloom.version import VERSION

RUN: Final = "check"
SWITCH_SECONDS: Final = 1e-5
"""So often threads take turns where they are watched: what they share they then disturb."""


class Sent(NamedTuple):
    """The result of an event, as it travels; None where there was none."""

    event: int
    encoded: Encoded | None


class Hooks:
    """A worker and a reducer class, and the events that they are tried with."""

    def __init__(
        self,
        worker_class: type,
        reducer_class: type,
        events: Mapping[int, Mapping[str, Packet]],
        detectors: Mapping[str, Detector],
        parameters: ParameterSet,
        opening: int = 0,
    ) -> None:
        """``opening``: so many events at the beginning are shown to every worker."""
        self._worker_class, self._reducer_class = worker_class, reducer_class
        self._parameters = parameters
        self._events = events
        self._detectors = detectors
        self._opening = list(events)[:opening]
        self.worker = WorkerAnalysis(worker_class)
        self.reducer = ReducerAnalysis(reducer_class)
        self._encoder = Encoder(allow_pickle=self.worker.pickle_results)
        package = worker_class.__module__.partition(".")[0]
        self._decoder = Decoder(trusted_packages=[package], allow_pickle=self.worker.pickle_results)

    def event(self, number: int) -> Event:
        """An event whose packets nobody has looked at yet."""
        packets = {
            stream: Packet(packet.typ, packet.frames, packet.number, packet.kind)
            for stream, packet in self._events[number].items()
        }
        return Event(number, with_detectors(packets, self._detectors) if self._detectors else packets)

    def started(self) -> WorkerAnalysis:
        """A worker of its own."""
        worker = WorkerAnalysis(self._worker_class)
        parameters = self._parameters
        state = WorkerState(name="worker", run=RUN, version=VERSION, parameters_hash=parameters.hash)
        worker.start(parameters, {}, state)
        return worker

    def results(self, numbers: Iterable[int] | None = None) -> list[Sent]:
        """What one worker returns for these events, all in their order; raises what it raises."""
        # An encoder and a decoder belong to one thread.
        worker, encoder = self.started(), Encoder(allow_pickle=self.worker.pickle_results)
        return [
            self._sent(worker, encoder, number) for number in (self._events if numbers is None else numbers)
        ]

    def _sent(self, worker: WorkerAnalysis, encoder: Encoder, number: int) -> Sent:
        payload = worker.process_event(self.event(number), self._parameters, False)
        if payload is None:
            return Sent(number, None)
        encoded = encoder.encode(payload)
        # Its buffers are those of the payload, which some classes go on to change.
        return Sent(number, Encoded(encoded.head, [memoryview(bytes(one)) for one in encoded.buffers]))

    def alone(self, number: int) -> Sent:
        """What a new instance returns that has seen nothing but what opens the run."""
        return self.results([one for one in self._opening if one != number] + [number])[-1]

    def value(self, sent: Sent) -> Any:
        """What arrives: an object of its own each time."""
        if sent.encoded is None:
            return None
        return self._decoder.decode(sent.encoded.head, sent.encoded.buffers)

    def reduced(self, results: Iterable[Sent]) -> Any:
        """What the reducer publishes after these results, as plain values."""
        reducer = ReducerAnalysis(self._reducer_class)
        parameters = self._parameters
        reducer.start(parameters, {}, reducer_state("reducer", RUN, parameters.hash, None))
        for sent in results:
            if sent.encoded is not None:
                result = Result(sent.event, "worker", parameters.hash, self.value(sent))
                reducer.process_result(result, parameters)
        reducer.finish(parameters)
        return plain(reducer.publish)

    def unlike(self, one: Sent, other: Sent) -> Difference | None:
        """How two results of an event differ, other than by nothing."""
        return next(differences(plain(self.value(one)), plain(self.value(other)), "result"), None)


def travelling(hooks: Hooks) -> list[Finding]:
    """Whether all results can be sent, and stay as they were returned."""
    worker, found = hooks.started(), []
    before: tuple[Sent, Any] | None = None
    for number in hooks._events:
        event = hooks.event(number)
        try:
            payload = worker.process_event(event, hooks._parameters, False)
            sent = Sent(number, None if payload is None else hooks._encoder.encode(payload))
        except UnencodableResult as error:
            return [Finding("problem", "wire", f"event {number}: {error}")]
        except RAISED as error:
            pass_interrupt(error)
            why = ErrorCapsule.from_exception(hooks.worker.where("process_event"), error)
            return [Finding("problem", "failure", f"event {number} failed: {why}")]
        if before is not None and (difference := _changed(hooks, *before)) is not None:
            found.append(
                Finding(
                    "problem",
                    "wire",
                    f"the result of event {before[0].event} was changed after it was returned ({difference.path} "
                    f"{difference.how}): it belongs to the pipeline then; return new objects, or copies, for each event",
                )
            )
            return found
        before = None if payload is None else (_kept(sent), payload)
    return found


def _kept(sent: Sent) -> Sent:
    """With the buffers copied: they are those of the result itself."""
    if sent.encoded is None:
        return sent
    return Sent(
        sent.event, Encoded(sent.encoded.head, [memoryview(bytes(one)) for one in sent.encoded.buffers])
    )


def _changed(hooks: Hooks, sent: Sent, payload: Any) -> Difference | None:
    return hooks.unlike(sent, Sent(sent.event, hooks._encoder.encode(payload)))


def repeating(hooks: Hooks, results: list[Sent], most: int = 50) -> list[Finding]:
    """Whether another instance gives the same for an event, without those before it."""
    asked = results[:: max(1, len(results) // most)]
    for sent in asked:
        again = [hooks.alone(sent.event), hooks.alone(sent.event)]
        if (difference := hooks.unlike(again[0], again[1])) is not None:
            return [
                Finding(
                    "problem",
                    "repeat",
                    f"event {sent.event} gives another result each time ({difference.path} {difference.how}): an event may be analysed "
                    "twice, so leave out times, and seed random numbers with the event's number",
                )
            ]
        if (difference := hooks.unlike(sent, again[0])) is not None:
            return [
                Finding(
                    "problem",
                    "state",
                    f"the result of event {sent.event} depends on the events before it ({difference.path} {difference.how} without "
                    "them): which these are, chance decides; put what is counted into the reducer, or declare stateful = True and "
                    "give events that belong together one constraint",
                )
            ]
    return []


def threading(hooks: Hooks, results: list[Sent], threads: int = 2) -> list[Finding]:
    """Whether instances in several threads disturb each other."""
    numbers = [sent.event for sent in results]
    together = Barrier(threads)

    def beside_others(asked: list[int]) -> list[Sent]:
        together.wait()
        return hooks.results(asked)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with ThreadPoolExecutor(threads) as pool:
            all_results = list(pool.map(beside_others, [numbers] * threads))
    except RAISED as error:
        pass_interrupt(error)
        why = f"{type(error).__name__}: {error}"
        return [
            Finding(
                "problem", "threads", f"in {threads} threads at once the worker class fails: {why}; {SHARED}"
            )
        ]
    finally:
        sys.setswitchinterval(interval)
    for made in all_results:
        for sent, alone in zip(made, results, strict=True):
            if (difference := hooks.unlike(alone, sent)) is not None:
                return [
                    Finding(
                        "problem",
                        "threads",
                        f"in {threads} threads at once the result of event {sent.event} is another ({difference.path} {difference.how}); "
                        f"{SHARED}",
                    )
                ]
    return []


SHARED: Final = "look for what instances share: module variables, attributes of the class, files, a library with a state of its own"

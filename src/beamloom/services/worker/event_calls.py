"""The calls of the user's map, one event at a time.

Policy: what user code raises fails its event and nothing else. While it is at work the guard knows of which event. An event that may end
the process, as it was given out again after others ended, is put into a capsule before.
"""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from beamloom.analysis import GiveFeedback
from beamloom.detectors.geometry import Detector
from beamloom.detectors.packets import with_detectors
from beamloom.engine.assembling.ready import Ready, ReadyRun
from beamloom.engine.feedback import Spoken
from beamloom.events import Event
from beamloom.parameters import ParameterSet
from beamloom.services.shell.epochs import Epochs
from beamloom.services.shell.evidence import Evidence
from beamloom.services.shell.guard import Notes
from beamloom.services.shell.raised import RAISED, pass_interrupt
from beamloom.services.worker.copying import Copying
from beamloom.services.worker.failures import WorkerFailures
from beamloom.services.worker.outgoing import Outgoing
from beamloom.services.worker.user_map import Map
from beamloom.transport.codec import NOT_PACKED
from beamloom.transport.shared_memory import Borrowing, StaleFrame

logger = logging.getLogger(__name__)


class EventCalls:
    """Calls the map of one run."""

    def __init__(
        self,
        user: Map,
        outgoing: Outgoing,
        detectors: Mapping[str, Detector],
        notes: Notes,
        evidence: Evidence,
        failures: WorkerFailures,
        borrowing: Borrowing,
        copying: Copying | None = None,
    ) -> None:
        """``outgoing`` takes what the map returns, ``notes`` are what the guard reads, ``copying`` has copies for others."""
        self._user = user
        analysis = user.analysis
        self._stateful = analysis if analysis is not None and analysis.stateful else None
        self._feedback = GiveFeedback() if analysis is None else analysis.feedback
        self._feedback.watch()
        self._outgoing = outgoing
        self._detectors = detectors
        self._notes = notes
        self._evidence = evidence
        self._failures = failures
        self._borrowing = borrowing
        self._copying = copying
        self.tick = False
        """Whether it is this worker's turn to tick, with the next event."""
        self.last_event = -1
        """The event that the map was called for last."""

    def work_off(
        self, ready: Sequence[ReadyRun], epochs: Epochs, seconds: float, now: float, *, last: bool
    ) -> list[ReadyRun]:
        """Call the map for these events in their order, and begin none after ``seconds``; returns those that are left.

        ``last``: nothing else is leased to this worker.
        """
        alone = last and len(ready) == 1 and len(ready[0]) == 1
        latest = time.monotonic() + seconds
        self._feedback.open()
        try:
            for place, run in enumerate(ready):
                parameters = epochs.get(run.epoch)
                if parameters is None:
                    return list(ready[place:])
                call: Callable[..., int] = functools.partial(
                    self._rehearse if run.is_rehearsal else self._process,
                    parameters=parameters,
                    now=now,
                    suspect=alone and run.attempt > 1,
                )
                if self._borrowing.active:
                    stop = self._one_by_one(run, call, latest)
                else:
                    stop = call(run, run.events(), latest)
                    if self._copying is not None and self._copying.wants(run):
                        self._copying.take(run, stop)
                if stop > run.first:
                    self.last_event = stop - 1
                if stop < run.stop:
                    return [run.behind(stop), *ready[place + 1 :]]
                run.columns = {}  # The frames of the next may lie in the memory of these.
        finally:
            self._notes.end()
            self._feedback.shut()
        return []

    def _one_by_one(self, run: ReadyRun, call: Callable[..., int], latest: float) -> int:
        """The same where frames are borrowed, of which nobody else may have hold when its event is over."""
        for number in range(run.first, run.stop):
            if time.monotonic() > latest:
                return number
            one = run.take(number)
            call(one, [Event(number, one.streams(0))], math.inf)
            if self._copying is not None and self._copying.wants(one):
                self._copying.take(one, one.stop)
            frames = self._borrowing.borrowed(one.streams(0).values())
            del one
            try:
                # They may be replaced as soon as others hear of the result: what user code keeps of them becomes its own.
                self._borrowing.settle(frames)
            except StaleFrame as error:
                # Who is given up gets a new instance of the class before it goes on.
                logger.warning("event %d: %s", number, error)
        return run.stop

    def _process(
        self,
        run: ReadyRun,
        events: Iterable[Event],
        latest: float,
        *,
        parameters: ParameterSet,
        now: float,
        suspect: bool,
    ) -> int:
        """Call the map for the events of ``run`` that can be begun before ``latest``; returns the first of the others."""
        clock, process = time.monotonic, self._user.process
        note_event, note_since = self._notes.event, self._notes.since
        outgoing = self._outgoing
        merges = outgoing.combines
        borrows = self._borrowing.active
        dressed = borrows or bool(self._detectors) or self._stateful is not None
        tick = self.tick
        first = stop = run.first
        heads: list[bytes] = []
        large: dict[int, list[memoryview]] = {}
        buffers: list[memoryview] = []
        pack = outgoing.encoder.packer(buffers)
        said = self._feedback.said
        spoken: dict[int, list[Spoken]] = {}
        for event in events:
            begun = clock()
            if begun > latest:
                break
            number = event.event_number
            stop = number + 1
            note_event[0] = number
            note_since[0] = begun
            try:
                if dressed:
                    event = self._dressed(event, run, parameters)
                if suspect:
                    payload = self._call_suspect(run.at(number), event, parameters, tick)
                else:
                    payload = process(event, parameters, tick)
                if borrows:
                    self._borrowing.check(run.streams(0).values())
                if merges:
                    outgoing.merge(run, number, payload, now, self._said_with(number))
                elif payload is None:
                    heads.append(b"")
                else:
                    try:
                        head = pack(payload)
                    except NOT_PACKED:
                        buffers.clear()
                        head = outgoing.encoder.head(payload, buffers)
                    heads.append(head)
                    if buffers:
                        # The class may go on changing an array that it returned, while the result waits to be taken.
                        large[len(heads) - 1] = [memoryview(bytearray(buffer)) for buffer in buffers]
                        buffers.clear()
                if said:
                    spoken[len(heads) - 1] = self._said_with(number)
            except RAISED as error:
                pass_interrupt(error)
                outgoing.add(run, first, heads, large, spoken)
                first, heads, large, spoken = stop, [], {}, {}
                buffers.clear()
                # What a failed call has said goes with its result.
                said.clear()
                self._failures.of_event(run.at(number), parameters, tick, error)
            self.tick = tick = False
            # The frames of the next one may lie in its memory, and what is in the cache is quicker to fill.
            del event
        outgoing.add(run, first, heads, large, spoken)
        if run.split:
            outgoing.outbox.mark_split(range(run.first, stop))
        return stop

    def _said_with(self, event: int) -> list[Spoken]:
        """What the map has said as it was called for this event."""
        said = self._feedback.take()
        for one in said:
            one.event = event
        return said

    def _dressed(self, event: Event, run: ReadyRun, parameters: ParameterSet) -> Event:
        """The event with its detectors, once the instance of its constraint is there."""
        if self._stateful is not None:
            self._stateful.enter(run.life, parameters)
        if self._borrowing.active:
            self._borrowing.check(event.streams.values())
        if not self._detectors:
            return event
        return Event(event.event_number, with_detectors(event.streams, self._detectors))

    def _call_suspect(self, ready: Ready, event: Event, parameters: ParameterSet, tick: bool) -> Any:
        """The result of an event that may end this process."""
        analysis = self._user.analysis
        if analysis is None:
            return self._user.process(event, parameters, tick)
        with self._evidence.in_hand(ready, parameters, tick, analysis, self._notes.hold):
            return self._user.process(event, parameters, tick)

    def _rehearse(
        self,
        run: ReadyRun,
        events: Iterable[Event],
        latest: float,
        *,
        parameters: ParameterSet,
        **others: Any,
    ) -> int:
        """Work through events for the state of their constraint alone: what comes of them was taken from another worker."""
        for event in events:
            begun = time.monotonic()
            if begun > latest:
                return event.event_number
            number = event.event_number
            self._notes.begin(number, begun)
            try:
                if self._stateful is not None:
                    event = self._dressed(event, run, parameters)
                    self._stateful.process_event(event, parameters, False)
            except RAISED as error:
                pass_interrupt(error)
                logger.info(
                    "event %d fails again as its constraint is worked through again: %r", number, error
                )
        self._feedback.take()  # It was said with the result that was taken.
        return run.stop

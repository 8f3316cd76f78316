"""The calls of the user's map, one event at a time.

Policy: what user code raises fails its event and nothing else. While it is at work the guard knows of which event. An event that may end
the process, as it was given out again after others ended, is put into a capsule before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from beamloom.detectors.geometry import Detector
from beamloom.detectors.packets import with_detectors
from beamloom.engine.assembler import Ready
from beamloom.events import Event
from beamloom.parameters import ParameterSet
from beamloom.services.epochs import Epochs
from beamloom.services.evidence import Evidence
from beamloom.services.guard import Notes
from beamloom.services.outgoing import Outgoing
from beamloom.services.raised import RAISED, pass_interrupt
from beamloom.services.user_map import Map
from beamloom.services.worker_failures import WorkerFailures
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
    ) -> None:
        """``outgoing`` takes what the map returns, ``notes`` are what the guard reads."""
        self._user = user
        analysis = user.analysis
        self._stateful = analysis if analysis is not None and analysis.stateful else None
        self._outgoing = outgoing
        self._detectors = detectors
        self._notes = notes
        self._evidence = evidence
        self._failures = failures
        self._borrowing = borrowing
        self.tick = False
        """Whether it is this worker's turn to tick, with the next event."""

    def work_off(
        self, ready: Sequence[Ready], epochs: Epochs, seconds: float, now: float, *, last: bool
    ) -> int:
        """Call the map for these events in their order, and begin none after ``seconds``; returns how many were done.

        ``last``: nothing else is leased to this worker.
        """
        alone = last and len(ready) == 1
        clock, notes, process = time.monotonic, self._notes, self._process
        borrows = self._borrowing.active
        done, epoch, parameters = 0, -1, None
        latest = clock() + seconds
        try:
            for one in ready:
                if one.epoch != epoch:
                    epoch, parameters = one.epoch, epochs.get(one.epoch)
                begun = clock()
                if parameters is None or begun > latest:
                    break
                notes.begin(one.event, begun)
                if one.is_rehearsal:
                    self._rehearse(one, parameters)
                else:
                    process(one, parameters, now, alone and one.attempt > 1)
                if borrows:
                    self._give_back(one)
                done += 1
        finally:
            notes.end()
        return done

    def _process(self, ready: Ready, parameters: ParameterSet, now: float, suspect: bool) -> None:
        tick, self.tick = self.tick, False
        if ready.split:
            self._outgoing.outbox.mark_split(ready.event)
        try:
            event = self._event(ready, parameters)
            if suspect:
                payload = self._call_suspect(ready, event, parameters, tick)
            else:
                payload = self._user.process(event, parameters, tick)
            if self._borrowing.active:
                self._borrowing.check(ready.streams.values())
            self._outgoing.add(ready, payload, now)
        except RAISED as error:
            pass_interrupt(error)
            self._failures.of_event(ready, parameters, tick, error)

    def _event(self, ready: Ready, parameters: ParameterSet) -> Event:
        """The event as the map sees it, once the instance of its constraint is there."""
        if self._stateful is not None:
            self._stateful.enter(ready.life, parameters)
        if self._borrowing.active:
            self._borrowing.check(ready.streams.values())
        streams = with_detectors(ready.streams, self._detectors) if self._detectors else ready.streams
        return Event(ready.event, streams)

    def _give_back(self, ready: Ready) -> None:
        """The frames of an event may be replaced as soon as others hear of its result: what user code keeps of them becomes its own."""
        frames = self._borrowing.borrowed(ready.streams.values())
        ready.streams = {}
        try:
            self._borrowing.settle(frames)
        except StaleFrame as error:
            # Who is given up gets a new instance of the class before it goes on.
            logger.warning("event %d: %s", ready.event, error)

    def _call_suspect(self, ready: Ready, event: Event, parameters: ParameterSet, tick: bool) -> Any:
        """The result of an event that may end this process."""
        analysis = self._user.analysis
        if analysis is None:
            return self._user.process(event, parameters, tick)
        with self._evidence.in_hand(ready, parameters, tick, analysis, self._notes.hold):
            return self._user.process(event, parameters, tick)

    def _rehearse(self, ready: Ready, parameters: ParameterSet) -> None:
        """Work through an event for the state of its constraint alone: what comes of it was taken from another worker."""
        analysis = self._stateful
        if analysis is None:
            return
        try:
            event = self._event(ready, parameters)
            analysis.process_event(event, parameters, False)
        except RAISED as error:
            pass_interrupt(error)
            logger.info(
                "event %d fails again as its constraint is worked through again: %r", ready.event, error
            )

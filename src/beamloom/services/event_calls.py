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
    ) -> None:
        """``outgoing`` takes what the map returns, ``notes`` are what the guard reads."""
        self._user = user
        self._outgoing = outgoing
        self._detectors = detectors
        self._notes = notes
        self._evidence = evidence
        self._failures = failures
        self.tick = False
        """Whether it is this worker's turn to tick, with the next event."""

    def work_off(
        self, ready: Sequence[Ready], epochs: Epochs, seconds: float, now: float, *, last: bool
    ) -> int:
        """Call the map for these events in their order, and begin none after ``seconds``; returns how many were done.

        ``last``: nothing else is leased to this worker.
        """
        alone = last and len(ready) == 1
        begin = time.perf_counter()
        done = 0
        for one in ready:
            parameters = epochs.get(one.epoch)
            if parameters is None or time.perf_counter() - begin > seconds:
                break
            if one.is_rehearsal:
                self._rehearse(one, parameters)
            else:
                self._process(one, parameters, now, suspect=alone and one.attempt > 1)
            done += 1
        return done

    def _process(self, ready: Ready, parameters: ParameterSet, now: float, *, suspect: bool) -> None:
        analysis = self._user.analysis
        tick, self.tick = self.tick, False
        if ready.split:
            self._outgoing.outbox.mark_split(ready.event)
        try:
            self._notes.begin(ready.event)
            if analysis is not None and analysis.stateful:
                analysis.enter(ready.life, parameters)
            event = Event(ready.event, with_detectors(ready.streams, self._detectors))
            payload = self._call(ready, event, parameters, tick, suspect=suspect)
            self._outgoing.add(ready, payload, now)
        except RAISED as error:
            pass_interrupt(error)
            self._failures.of_event(ready, parameters, tick, error)
        finally:
            self._notes.end()

    def _call(
        self, ready: Ready, event: Event, parameters: ParameterSet, tick: bool, *, suspect: bool
    ) -> Any:
        """The result of one event."""
        analysis = self._user.analysis
        if not suspect or analysis is None:
            return self._user.process(event, parameters, tick)
        with self._evidence.in_hand(ready, parameters, tick, analysis, self._notes.hold):
            return self._user.process(event, parameters, tick)

    def _rehearse(self, ready: Ready, parameters: ParameterSet) -> None:
        """Work through an event for the state of its constraint alone: what comes of it was taken from another worker."""
        analysis = self._user.analysis
        if analysis is None or not analysis.stateful:
            return
        self._notes.begin(ready.event)
        try:
            analysis.enter(ready.life, parameters)
            event = Event(ready.event, with_detectors(ready.streams, self._detectors))
            analysis.process_event(event, parameters, False)
        except RAISED as error:
            pass_interrupt(error)
            logger.info(
                "event %d fails again as its constraint is worked through again: %r", ready.event, error
            )
        finally:
            self._notes.end()

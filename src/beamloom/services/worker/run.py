"""One run as a worker has it: what is leased to it, whose packets are here, what came of the events.

User code runs in the main loop, one event at a time, and the mailbox is looked at again after a few milliseconds at the latest, unless one
event takes longer.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Sequence
from typing import Any

from beamloom.engine.assembling.assembler import Assembler
from beamloom.engine.assembling.ready import ReadyRun
from beamloom.engine.ranges import Range, RangeSet
from beamloom.engine.scheduling.suspects import SUSPECTS_PER_DEATH
from beamloom.services.shell.epochs import Epochs
from beamloom.services.shell.membership import name_of
from beamloom.services.worker.event_calls import EventCalls
from beamloom.services.worker.failures import WorkerFailures
from beamloom.services.worker.outgoing import Outgoing
from beamloom.services.worker.user_map import Map
from beamloom.services.worker.waits import known_of
from beamloom.transport.channel import Channel, Received
from beamloom.transport.messages import (
    CONTROLLER,
    Explain,
    Explained,
    Held,
    Inquire,
    Lacking,
    Orders,
    Packets,
    Reducer,
    Taken,
    Tick,
)
from beamloom.transport.packing import large_sizes, unpack
from beamloom.transport.shared_memory import Borrowing, Unshared

logger = logging.getLogger(__name__)

EVENTS_PER_TURN = SUSPECTS_PER_DEATH
"""Most events that a process works off before their results are sent and the mailbox is looked at again."""


class Times:
    """Where the time of a worker goes, in seconds, and how many events it had, over all of its runs."""

    def __init__(self) -> None:
        self.user = 0.0
        self.sending = 0.0
        self.events = 0
        self.last_event = -1


class WorkerRun:
    """One run in one worker."""

    def __init__(
        self,
        run: str,
        user: Map,
        epochs: Epochs,
        calls: EventCalls,
        outgoing: Outgoing,
        failures: WorkerFailures,
        channel: Channel,
        times: Times,
        borrowing: Borrowing,
        turn_events: int = EVENTS_PER_TURN,
    ) -> None:
        """``turn_events``: most events that are processed before their results are sent."""
        self.run = run
        self._turn_events = turn_events
        self.outgoing = outgoing
        self.failures = failures
        self.ready: list[ReadyRun] = []
        """What is worked off next."""
        self.awaited: tuple[int, list[str]] | None = None
        """The event that it waited for when it last had nothing to do, and the streams of it that were here."""
        self._user = user
        self._epochs = epochs
        self._calls = calls
        self._channel = channel
        self._times = times
        self._borrowing = borrowing
        self._assembler = Assembler()
        self._leased = 0
        """How many events were leased when a turn ended, and not ready."""

    # ---- messages -------------------------------------------------------------------------------------------------------

    def receive(self, received: Received) -> None:
        """A message of this run has arrived."""
        match received.message:
            case Packets() as message:
                self._add(message, received)
            case Orders() as orders:
                for first, stop in orders.dropped:
                    self._assembler.drop(first, stop)
                self._end_lives(orders.over)
                self._assembler.lease(orders.spans)
            case Taken(sequence=sequence):
                self.outgoing.outbox.taken(received.sender, sequence)
            case Reducer() as reducer:
                self._channel.connect(reducer.peer, reducer.address)
                self.outgoing.outbox.redirect(reducer.peer)
                self._channel.send(CONTROLLER, Held(self.run, self.held(), reducer.peer))
            case Tick():
                self._calls.tick = True
            case Explain(event=event, question=question):
                self._channel.send(CONTROLLER, Explained(question, self._known(event)))
            case Inquire(stream=stream):
                self._channel.send(CONTROLLER, Lacking(self.run, stream, self._assembler.lacking(stream)))
            case _:
                pass

    def _add(self, message: Packets, received: Received) -> None:
        buffers: Sequence[Any] = received.buffers
        if message.memory:
            try:
                sizes = large_sizes(message.block)
                large = self._borrowing.join(message.memory, message.places, sizes, buffers[1:])
            except Unshared as error:
                # Its ingester is gone: the next one asks what is lacking here, and sends that.
                logger.warning("packets of %s cannot be read: %s", name_of(received.sender), error)
                return
            buffers = [buffers[0], *large]
        packets = unpack(message.block, buffers)
        if message.memory:
            # What is borrowed is given back event by event: nothing else may have hold of it.
            packets = list(packets)
        self._assembler.add(
            message.stream, message.slot, message.attempt, message.first, message.expected, packets
        )

    def _end_lives(self, over: list[Range]) -> None:
        """Nobody needs these states any more."""
        if not over:
            return
        self._assembler.end_lives(over)
        ended = RangeSet(over)
        self.ready = [run for run in self.ready if run.life not in ended]
        if self._user.analysis is not None:
            self._user.analysis.end_lives(over, self._epochs.latest)

    def figures(self) -> dict[str, float]:
        """How much of the run is here; may be called in any thread."""
        outbox = self.outgoing.outbox
        return {
            "awaited_event": -1 if self.awaited is None else self.awaited[0],
            "leased_events": self._leased,
            "ready_events": sum(map(len, self.ready)),
            "unacknowledged": outbox.unacknowledged,
            "unacknowledged_bytes": outbox.bytes,
            "outbox_full": float(outbox.full),
        }

    def _known(self, event: int) -> dict[str, Any]:
        merging = self.outgoing.combiner.deliveries()
        return known_of(event, self._assembler, self.ready, merging, self.outgoing.outbox)

    def held(self) -> dict[int, list[Range]]:
        """By slot, the events that this worker works on or has results of."""
        held: dict[int, RangeSet] = {}
        ready = ((run.slot, run.first, run.stop) for run in self.ready if not run.is_rehearsal)
        for slot, first, stop in itertools.chain(
            self._assembler.deliveries(), ready, self.outgoing.deliveries()
        ):
            held.setdefault(slot, RangeSet()).add(first, stop)
        return {slot: list(events) for slot, events in held.items()}

    # ---- time ------------------------------------------------------------------------------------------------------------

    def turn(self, now: float, seconds: float, *, begins: bool) -> None:
        """Work off what is ready, but begin no event after ``seconds``, or none at all without ``begins``; send what came of it."""
        if begins:
            self._take_ready()
        if not self.ready:
            self.awaited = self._assembler.awaited
        if begins and self.ready and not self.outgoing.outbox.full:
            self._work_off(now, seconds)
        begin = time.perf_counter()
        self._leased = self._assembler.leased
        self.outgoing.send(sum(map(len, self.ready)) + self._leased, now)
        self._times.sending += time.perf_counter() - begin
        if begins:
            # More may be here than a turn works off: no message will tell of it.
            self._take_ready()

    def _take_ready(self) -> None:
        if not self.ready:
            self.ready = self._assembler.take_ready(self.outgoing.room(self._turn_events))

    def _work_off(self, now: float, seconds: float) -> None:
        begin = time.perf_counter()
        ready = self.ready
        left = self._calls.work_off(ready, self._epochs, seconds, now, last=not self._assembler.leased)
        done = sum(map(len, ready)) - sum(map(len, left))
        if done:
            end = time.perf_counter()
            self._times.user += end - begin
            if (tracer := self._channel.meter.tracer) is not None:
                tracer.add("process_event", begin, end, first_event=ready[0].first, events=done)
            self._times.events += done
            self._times.last_event = self._calls.last_event
            self.ready = left

    def wait(self, now: float, *, begins: bool) -> float:
        """Seconds in which nothing needs to be done unless a message arrives."""
        may_go_on = begins and not self.outgoing.outbox.full
        if may_go_on and self.ready and self._epochs.get(self.ready[0].epoch) is not None:
            return 0.0
        return self.outgoing.combiner.wait(now)

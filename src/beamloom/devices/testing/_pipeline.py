"""Packets of a device on their way to their events: by the router alone, and through a whole pipeline in this process.

This module knows the services, as no other of the devices does: a kit that only imitated them would prove nothing.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from beamloom.analysis import ReducerAnalysis
from beamloom.devices.device import Source
from beamloom.devices.testing._link import PATIENCE, Link, NotConforming
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.losses import StreamCounts
from beamloom.engine.streams.packet_rows import PacketRow
from beamloom.engine.streams.reorder import Reorder
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.router import StreamRouter
from beamloom.events import Event, Malformed, Packet, Result
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.triggermap import uniform

STREAM = "device"
WINDOW = 64
"""Packets that may be held while one before them is missing, as an ingester has it that was not told otherwise."""

Placed = dict[int, str]
"""For each event the fingerprint of its packet."""


def fingerprint(packet: Packet) -> str:
    """The same for packets that are alike to the last byte, whatever number they have."""
    digest = hashlib.blake2b(packet.typ.encode(), digest_size=12)
    for frame in packet.frames:
        digest.update(b"|%d|" % len(frame))
        digest.update(frame)
    return digest.hexdigest()


def route(
    arrived: Sequence[Packet | Malformed], packets: int, source: random.Random
) -> tuple[Placed, StreamCounts]:
    """Which event each packet is given to in a run of so many packets, put in order before, in portions, as in an ingester.

    No time passes: only the number of packets decides which of them come too late.
    """
    placed: Placed = {}

    def see(first: int, some: PacketRow) -> None:
        for event, packet in enumerate(some, first):
            if event in placed or not 0 <= event < packets:
                raise NotConforming(
                    f"event {event} of {packets} was given two packets, or is none of the run"
                )
            placed[event] = fingerprint(packet)

    layout = stream_layout(uniform([STREAM], packets - 2), STREAM)
    router = StreamRouter(STREAM, layout, Retention(1 << 50), see)
    reorder = Reorder(WINDOW, 1.0, 1 << 50)
    at = 0
    while at < len(arrived):
        portion = source.randrange(1, 50)
        router.arrive(reorder.arrive(arrived[at : at + portion], 0.0))
        at += portion
    router.arrive(reorder.flush())
    return placed, router.counts


class Outcome:
    """How a whole run ended."""

    def __init__(self, seen: Placed, reduced: int, failed: int, lost: int) -> None:
        self.seen = seen
        """What the worker got for each event."""
        self.reduced = reduced
        self.failed = failed
        self.lost = lost


def run_pipeline(
    link: Link, packets: int, messages: Sequence[Sequence[bytes]], stop_when: Callable[[], bool] | None = None
) -> Outcome:
    """Run the link's source through controller, ingester, worker and reducer; ``link`` is not yet open.

    The run ends by itself, or is stopped when ``stop_when`` says so; NotConforming when it does not though nothing is sent or seen any
    more. A machine that is slow or busy may take its time.
    """

    class Looking:
        def process_event(self, event: Event) -> Any:
            return fingerprint(event.streams[STREAM])

    class Keeping:
        def __init__(self) -> None:
            self.publish: dict[str, Any] = {"seen": {}}

        def process_result(self, result: Result) -> None:
            self.publish["seen"][result.event_number] = result.payload

    analysis = ReducerAnalysis(Keeping)
    sources: dict[str, Callable[[], Source]] = {STREAM: lambda: link.source}
    workers = [InlineWorker("worker-1", ("generic",), lambda: Map(Looking))]
    with InlinePipeline(sources, workers, lambda: analysis) as pipeline:
        active = pipeline.arm(uniform([STREAM], packets - 2))
        link.simulator.wait_for_client(PATIENCE)
        link.play(messages)
        seen = analysis.publish["seen"]
        end, got_to = time.monotonic() + PATIENCE, (link.left, len(seen))
        stopped = False
        while not active.finished:
            link.sent()
            pipeline.step()
            if stop_when is not None and not stopped and stop_when():
                pipeline.controller.stop("all that was to be sent has been sent")
                stopped = True
            if got_to != (link.left, len(seen)):
                end, got_to = time.monotonic() + PATIENCE, (link.left, len(seen))
            if time.monotonic() > end:
                sent = "all is sent" if link.sent() else f"{link.left} messages are not taken from the device"
                raise NotConforming(f"{link.name}: the run does not end; {sent}, and no event comes any more")
        ledger = active.run.ledger
        return Outcome(dict(seen), len(ledger.reduced), len(ledger.failed), len(ledger.lost))

"""The oracle: the same classes over the same messages in one process that nothing happens to."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec

from beamloom.analysis import ReducerAnalysis
from beamloom.devices.device import Source
from beamloom.devices.generator import GeneratorSource
from beamloom.devices.generator.items import GeneratorSettings
from beamloom.devices.pandabox.stream import PandaStream
from beamloom.devices.sources.at_hand import AtHand
from beamloom.devices.stins import StinsReader
from beamloom.engine.ranges import RangeSet
from beamloom.events import Malformed, Packet
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.triggermap import TriggerMap, batched
from chaos.analyses.chaotic import GROUP, Reducer, StatefulWorker, Worker
from chaos.material import box_messages, camera_messages, encoder_settings
from chaos.schedule import STREAMS, Schedule

Epochs = Sequence[tuple[int, int]]
"""The gain from each of these events on."""


class Read(AtHand):
    """A source of packets that have been read already."""

    def __init__(self, items: Iterable[Packet | Malformed]) -> None:
        self._items = deque(items)

    def read(self, limit: int) -> list[Packet | Malformed]:
        return [self._items.popleft() for _ in range(min(limit, len(self._items)))]


class Expected(msgspec.Struct, frozen=True):
    """How an undisturbed run ends."""

    publish: dict[str, Any]
    reduced: RangeSet
    failed: RangeSet
    lost: RangeSet


def the_map(events: int) -> TriggerMap:
    """Each event to one worker, several that follow each other to the same."""
    return batched(STREAMS, events, GROUP)


def expected(
    schedule: Schedule, epochs: Epochs = (), missing: Collection[int] = (), *, stateful: bool
) -> Expected:
    """The undisturbed run over what the devices of ``schedule`` send, without the events in ``missing``."""
    items = {event - 1 for event in missing} - schedule.camera.lost
    camera: list[Packet | Malformed] = []
    reader = StinsReader()
    for message in camera_messages(schedule.events, schedule.camera, items):
        reader.take(list(message), camera)
    box: list[Packet | Malformed] = []
    stream = PandaStream(packed=False)
    for (octets,) in box_messages(schedule.events):
        stream.feed(octets, box)
    written = encoder_settings(schedule.encoder, 0.0)
    del written["device"]
    made: dict[str, Callable[[], Source]] = {
        "camera": lambda: Read(camera),
        "box": lambda: Read(box),
        "encoder": lambda: GeneratorSource(msgspec.convert(written, GeneratorSettings)),
    }
    analysis = ReducerAnalysis(Reducer)
    worker_class = StatefulWorker if stateful else Worker
    workers = [InlineWorker(f"worker-{number}", ("generic",), lambda: Map(worker_class)) for number in (1, 2)]
    values = {
        "events": str(schedule.events).encode(),
        "harms": json.dumps(schedule.harms).encode(),
        "harmless": b"true",
    }
    with InlinePipeline(made, workers, lambda: analysis) as pipeline:
        pipeline.controller.set_parameters(values)
        if epochs:
            pipeline.controller.plan_epochs([(first, {"gain": str(gain).encode()}) for first, gain in epochs])
        run = pipeline.play(the_map(schedule.events)).run
        ledger = run.ledger
        return Expected(analysis.publish, ledger.reduced, ledger.failed, ledger.lost)

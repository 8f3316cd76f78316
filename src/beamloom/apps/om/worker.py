"""The map: each event goes to ``process_data`` of the class, and what it returns goes to the reducer.

At the end of the series each worker's ``end_processing_on_processing_node`` is called, and what that returns follows. A worker that gets
events after that, as those of one that died, calls it again behind each of them.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

from beamloom import Event, PacketKind, Parameter, ParameterSet, WorkerState
from beamloom.apps.om.data import EventData
from beamloom.apps.om.feedback import FeedbackReceiver, address_of
from beamloom.apps.om.parameters import Node, describe, monitor_parameters
from beamloom.apps.om.processing import OmProcessing


class Worker:
    """One processing node."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """See ``parameters.py``."""
        return describe()

    def __init__(self, parameters: ParameterSet, state: WorkerState | None = None) -> None:
        configured = monitor_parameters(parameters)
        self._rank = rank_of("" if state is None else state.name)
        node = Node(self._rank, int(parameters["node_pool_size"]))
        self._processing = OmProcessing(str(parameters["processing_class"].value), configured, node)
        self._processing.initialize_processing()
        self._data = EventData(configured)
        run = None if state is None else state.run
        self._feedback = FeedbackReceiver(address_of(str(parameters["feedback_url"].value), run), self._rank)
        self._ended = False

    def process_event(self, event: Event, parameters: ParameterSet) -> list[Any] | None:
        """The messages of this event, each a dictionary and a rank; None where there are none."""
        messages: list[Any] = []
        data = self._data.of(event, parameters)
        if data is not None:
            data.update(self._feedback.next())
            messages.append(list(self._processing.process(data)))
        self._ended = self._ended or is_end(event)
        if self._ended:
            last = self._processing.end_processing()
            if last is not None:
                messages.append([last, self._rank])
        return messages or None

    def finish(self) -> None:
        """The run is over."""
        self._feedback.close()

    def close(self) -> None:
        """The process ends."""
        self._feedback.close()


def rank_of(name: str) -> int:
    """The rank of the worker of this name: the number at its end, else one that follows from the name."""
    number = re.search(r"(\d+)$", name)
    if number and 0 < int(number[1]) < 2**31:
        return int(number[1])
    return 1 + zlib.crc32(name.encode()) % (2**31 - 1) if name else 1


def is_end(event: Event) -> bool:
    """Whether this is the event in which series end."""
    return any(
        packet.kind is PacketKind.END or getattr(packet.parse(), "packet_kind", None) is PacketKind.END
        for packet in event.streams.values()
        if packet.kind is not PacketKind.START
    )

"""A reducer that starts a rule at one event, and the function that rules call: one row for each picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from beamloom import Event, PacketKind, Result
from beamloom.analysis import StartRule
from beamloom.rules import Chunk

ROW = np.dtype([("frame", "i8"), ("event", "i8"), ("value", "i8")])
ASKS_AT = 11


class Worker:
    def process_event(self, event: Event) -> int | None:
        packet = event.streams["camera"]
        return int(packet.parse().array.sum()) if packet.kind is PacketKind.DATA else None


class Reducer:
    start_rule: StartRule

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"values": {}}

    def process_result(self, result: Result) -> None:
        self.publish["values"][result.event_number] = result.payload
        if result.event_number == ASKS_AT:
            self.start_rule("asked", label=f"at-{ASKS_AT}")


def rows(chunk: Chunk, parameters: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """Number, event and sum of each picture."""
    table = np.zeros(chunk.stop - chunk.start, ROW)
    table["frame"], table["event"] = chunk.numbers[chunk.inside], chunk.events[chunk.inside]
    table["value"] = chunk.frames[chunk.inside].sum(axis=(1, 2))
    return table

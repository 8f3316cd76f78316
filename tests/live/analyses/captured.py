"""What each packet of a captured device holds: one value of it, by event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from beamloom import Event, PacketKind, Result

SHOWN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "albaem": lambda point: point.channel1,
    "contrast": lambda point: (point.pseudo["x"][0], point.pseudo["y"][0]),
    "dectris_v1": lambda image: (image.frame, image.data["shape"]),
    "lecroy": lambda sequence: (len(sequence.data[0]), sequence.data[0][0].max(), sequence.timestamps[0][0]),
    "pcap": lambda row: row.triggernumber,
    "stins": lambda image: (image.frame, int(image.array.sum())),
    "xspress3": lambda image: int(image.data[-1][:10].sum()),
}
"""What is shown of a DATA packet, by the stream."""


class Worker:
    """Returns the kind of the packet and what it holds."""

    def process_event(self, event: Event) -> tuple[str, str, Any]:
        ((stream, packet),) = event.streams.items()
        held = SHOWN[stream](packet.parse()) if packet.kind is PacketKind.DATA else None
        return stream, packet.kind.name, held


class Reducer:
    """Publishes that by event, for the stream of the run."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"held": {}}

    def process_result(self, result: Result) -> None:
        stream, kind, held = result.payload
        self.publish["held"].setdefault(stream, {})[result.event_number] = (kind, held)

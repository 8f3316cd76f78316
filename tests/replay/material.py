"""Small recordings, and analyses that show who got what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beamloom import Event, Packet, Result
from beamloom.recordings import Record, RecordingWriter
from beamloom.replay import ReplayReport

MOMENT = datetime(2024, 10, 28, 15, 2, 41, tzinfo=UTC)
RUN = "70b3ce40-6e3e-4931-8dbc-245334e26eae"
Delivery = tuple[int, str, Any]
"""Event, worker, and what the worker returned."""


class Echo:
    """Returns what it was given."""

    def process_event(self, event: Event) -> dict[str, bytes]:
        return {stream: bytes(packet.frames[-1]) for stream, packet in event.streams.items()}


class Gather:
    """Keeps all results, in the order in which they came."""

    def __init__(self) -> None:
        self.publish: dict[str, list[Delivery]] = {"deliveries": []}

    def process_result(self, result: Result) -> None:
        self.publish["deliveries"].append((result.event_number, result.worker, result.payload))


class Differences:
    """Returns how the last digit of an event's number in stream ``a`` differs from that of the event before in its constraint."""

    stateful = True

    def __init__(self) -> None:
        self.before = 0

    def process_event(self, event: Event) -> int | None:
        if "a" not in event.streams:
            return None
        value = int(event.streams["a"].frames[0][-1])
        difference, self.before = value - self.before, value
        return difference


class Ordered:
    """Keeps the results of each worker in the order in which they came."""

    def __init__(self) -> None:
        self.publish: dict[str, list[tuple[int, Any]]] = {}

    def process_result(self, result: Result) -> None:
        self.publish.setdefault(result.worker, []).append((result.event_number, result.payload))


def packet(event: int, *, typ: str = "plain") -> Packet:
    return Packet(typ, [str(event).encode()])


def write(path: Path, streams: Mapping[str, Sequence[int]]) -> Path:
    """A recording of streams that have a packet for each of these events."""
    events = sorted({event for some in streams.values() for event in some})
    with RecordingWriter(path) as writer:
        for event in events:
            writer.write(
                Record(event, {s: packet(event) for s, some in streams.items() if event in some}, MOMENT)
            )
    return path


def write_run(
    folder: Path, streams: Mapping[str, Sequence[int]], body: Mapping[str, Any] | None = None
) -> list[Path]:
    """A recorded run: one file for each stream, and its trigger map beside them."""
    if body is not None:
        (folder / f"mapping-{RUN}.json").write_text(json.dumps(body))
    return [write(folder / f"{s}-ingester-{RUN}.cbors", {s: some}) for s, some in streams.items()]


def one_part(**cells: Sequence[Any]) -> dict[str, Any]:
    """The body of a trigger map with one part."""
    return {"parts": {"main": {stream: list(some) for stream, some in cells.items()}}, "sequence": ["main"]}


def deliveries(report: ReplayReport) -> list[Delivery]:
    """What ``Gather`` kept."""
    kept: list[Delivery] = report.publish["deliveries"]
    return kept


def seen(report: ReplayReport) -> dict[int, list[str]]:
    """The workers that each event was delivered to."""
    by_event: dict[int, list[str]] = {}
    for event, worker, _ in deliveries(report):
        by_event.setdefault(event, []).append(worker)
    return {event: sorted(workers) for event, workers in sorted(by_event.items())}

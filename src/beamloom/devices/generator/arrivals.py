"""The messages of a series, as they would come: when each is due, and what has gone wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from beamloom.devices.generator.items import (
    Fault,
    GeneratorSettings,
    array_shape,
    array_type,
    fault_of,
    make,
)


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A message of the generator and when it is due."""

    frames: list[Any]
    item: int
    """After so many items; at a set rate that is when it is due."""
    stalled: float = 0.0
    """Seconds by which all stalls before it have put it off."""


def arrivals(settings: GeneratorSettings, items: int | None, first: int = 0) -> Iterator[Arrival]:
    """All messages of a series of ``items``, None for one without end, in the order in which they come, faults included.

    The items before ``first`` are left out.
    """
    encode = msgspec.json.encode
    pictures: dict[int, tuple[bytes, dict[str, float]]] = {}
    described = {"kind": settings.kind, "shape": array_shape(settings), "dtype": array_type(settings)}

    def message(item: int) -> list[Any]:
        index = item % settings.distinct if settings.distinct else item
        blob, values = pictures.get(index) or _picture(settings, item)
        if settings.distinct and settings.kind in ("images", "spectra"):
            pictures[index] = blob, values
        return [encode({"type": "item", "number": item, **described, "values": values}), blob]

    stalled = 0.0
    opening = encode({"type": "start", "items": items or 0, "seed": settings.seed, **described})
    yield Arrival([opening], first)
    held: list[Arrival] = []
    item = first
    while items is None or item < items:
        fault = fault_of(settings, item)
        if fault is Fault.STALL:
            stalled += settings.stall_seconds
        if fault is not Fault.GAP:
            frames = message(item)
            if fault is Fault.CORRUPT:
                frames = [frames[0][: len(frames[0]) // 2], frames[1]]
            arrival = Arrival(frames, item, stalled)
            if fault is Fault.REORDER:
                held.append(arrival)
            else:
                yield arrival
                if fault is Fault.DUPLICATE:
                    yield arrival
                yield from held
                held.clear()
        item += 1
    yield from held
    yield Arrival([encode({"type": "end", "items": item})], item, stalled)


def _picture(settings: GeneratorSettings, item: int) -> tuple[bytes, dict[str, float]]:
    array, values = make(settings, item)
    return array.tobytes(), values

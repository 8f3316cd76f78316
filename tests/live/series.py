"""Series of STINS pictures whose first pixel is their index, and trigger maps for them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from beamloom.devices import stins
from beamloom.devices.images import Image

Message = list[bytes]


def pictures(count: int) -> list[Message]:
    """A whole series: its header, ``count`` pictures, its end."""
    return list(stins.generate(images=_numbered(range(count))))


def pictures_held(count: int, gates: Mapping[int, threading.Event]) -> Iterator[Message]:
    """The same; no more than this many messages come before a gate is set, however long that takes."""
    for number, message in enumerate(pictures(count)):
        if number in gates:
            gates[number].wait()
        yield message


def pictures_until(enough: threading.Event) -> Iterator[Message]:
    """A series that goes on until ``enough`` is set, and then ends."""
    return stins.generate(
        images=_numbered(itertools.takewhile(lambda _: not enough.is_set(), itertools.count()))
    )


def _numbered(indices: Iterable[int]) -> Iterator[Image]:
    return (np.array([[index]], np.uint32) for index in indices)


def uniform_map(streams: Iterable[str], events: int) -> dict[str, Any]:
    """Each event goes to one worker, with a packet of each stream."""
    return {
        "parts": {"main": {stream: [[{"constraint": i}] for i in range(events)] for stream in streams}},
        "sequence": ["main"],
    }


def open_map(streams: Iterable[str]) -> dict[str, Any]:
    """The same, until told to stop."""
    return {**uniform_map(streams, 1), "sequence": [{"part": "main", "repeat": None}]}

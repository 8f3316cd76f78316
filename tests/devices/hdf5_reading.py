"""Reading files through the device ``hdf5``, and what its tests look at."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from beamloom.devices import hdf5
from beamloom.devices.device import Source
from beamloom.devices.hdf5 import Hdf5Frame, Hdf5Settings
from beamloom.events import Malformed, Packet, PacketKind

Item = Packet | Malformed
Array = np.ndarray[Any, np.dtype[Any]]


def read_series(
    source: Source, patience: float = 20.0, seen: Callable[[Item], object] = lambda _: None
) -> list[Item]:
    """All items up to the END, waited for as an ingester does; ``seen`` is told each."""
    items: list[Item] = []
    end = time.monotonic() + patience
    while not any(isinstance(item, Packet) and item.kind is PacketKind.END for item in items[-64:]):
        assert time.monotonic() < end, f"no END, only {items[-3:]}; {source.connection_problem()}"
        select.select([source.pollable], [], [], 0.1)
        some = source.read(64)
        for item in some:
            seen(item)
        items += some
    return items


def read_file(url: Path | str, packets: int | None = None, **settings: Any) -> list[Item]:
    """A whole series."""
    source = hdf5.source(Hdf5Settings(url=str(url), **settings))
    source.expect(packets)
    source.open()
    try:
        return read_series(source)
    finally:
        source.close()


def packets_of(items: list[Item]) -> list[Packet]:
    """The items, of which none is malformed."""
    assert [item for item in items if isinstance(item, Malformed)] == []
    return [item for item in items if isinstance(item, Packet)]


def problems_of(items: list[Item]) -> list[str]:
    """What was wrong."""
    return [item.reason for item in items if isinstance(item, Malformed)]


def frames_by_number(items: list[Item]) -> dict[int, Array]:
    """The images by the numbers of their packets; each number once."""
    found: dict[int, Array] = {}
    for item in items:
        if isinstance(item, Packet) and item.kind is PacketKind.DATA:
            parsed = item.parse()
            assert isinstance(parsed, Hdf5Frame)
            assert item.number == parsed.frame + 1
            assert item.number not in found
            found[item.number] = parsed.array
    return found


def expect_stack(items: list[Item], stack: Array) -> None:
    """The items are a whole series of these images."""
    found = frames_by_number(items)
    assert list(found) == list(range(1, len(stack) + 1))
    for number, image in found.items():
        np.testing.assert_array_equal(image, stack[number - 1])
    assert packets_of(items)[-1].number == len(stack) + 1

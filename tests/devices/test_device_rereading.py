"""Files and made-up series are read again from any number on, and every packet is what it was the first time."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
import pytest

from beamloom.devices.device import RereadableSource
from beamloom.devices.registry import find_device
from beamloom.events import Bearing, Malformed, Packet, PacketKind
from devices.test_device_image_files import write
from support.patience import PATIENCE

FRAMES = 24
Item = Packet | Malformed


def generator(folder: Path) -> dict[str, Any]:
    return {"url": "generator:", "kind": "encoder", "items": 0, "gap": [5], "corrupt": [9], "reorder": [12]}


def hdf5(folder: Path) -> dict[str, Any]:
    path = folder / "stack.h5"
    if not path.exists():
        with h5py.File(path, "w") as file:
            stack = np.arange(FRAMES * 12, dtype=np.uint16).reshape(FRAMES, 3, 4)
            # Several frames in a chunk: they are read together.
            file.create_dataset("/entry/data/data", data=stack, chunks=(3, 3, 4))
    return {"url": str(path)}


def images(folder: Path) -> dict[str, Any]:
    for number in range(FRAMES):
        if number != 7:
            write(folder, number + 100)
    (folder / "run_0111.tif").unlink()
    (folder / "run_0111.tif").mkdir()
    return {"url": str(folder / "*.tif")}


SERIES: dict[str, Callable[[Path], dict[str, Any]]] = {"generator": generator, "hdf5": hdf5, "images": images}


def source_of(name: str, options: dict[str, Any]) -> Any:
    device = find_device(name)
    source = device.source(msgspec.convert(options, device.settings))
    source.expect(FRAMES + 2)  # type: ignore[attr-defined]
    return source


def read_all(source: Any) -> list[Item]:
    items: list[Item] = []
    end = time.monotonic() + PATIENCE
    source.open()
    try:
        while not any(isinstance(item, Packet) and item.kind is PacketKind.END for item in items):
            assert time.monotonic() < end, source.connection_problem()
            select.select([source.pollable], [], [], 0.1)
            items += source.read(4)
        return items
    finally:
        source.close()


def told(item: Item) -> tuple[Any, ...]:
    if isinstance(item, Malformed):
        return (item.reason,)
    return (item.number, item.kind, [bytes(one) for one in item.frames])


@pytest.mark.parametrize("name", sorted(SERIES))
def test_a_series_is_the_same_when_it_is_read_again(name: str, tmp_path: Path) -> None:
    options = SERIES[name](tmp_path)
    former = source_of(name, options)
    assert isinstance(source_of(name, options), RereadableSource)
    assert former.bearing is None
    whole: list[Item] = []
    bearings: list[Bearing | None] = []
    former.open()
    while not whole or not isinstance(whole[-1], Packet) or whole[-1].kind is not PacketKind.END:
        select.select([former.pollable], [], [], 10)
        whole += former.read(5)
        bearings.append(former.bearing)
    former.close()
    bearing = bearings[0]
    assert bearing is not None
    assert bearings == [bearing] * len(bearings)
    places = {item.number: place for place, item in enumerate(whole) if isinstance(item, Packet)}
    for first in (0, 1, 2, 6, 10, 14, FRAMES, FRAMES + 1):
        source = source_of(name, options)
        source.reread(bearing, first)
        again = read_all(source)
        wanted = [
            one for one in whole if isinstance(one, Malformed) or one.number is None or one.number >= first
        ]
        numbered = [
            told(one)
            for one in again
            if isinstance(one, Packet) and (one.number is None or one.number >= first)
        ]
        assert numbered == [told(one) for one in wanted if isinstance(one, Packet)], first
        # What could not be read stands where it stood.
        for one in whole:
            if isinstance(one, Malformed) and whole.index(one) > places.get(first, 0):
                assert told(one) in map(told, again), first
    assert len(places) > FRAMES - 3


def test_images_that_are_counted_by_their_order_are_not_read_again_while_they_come(tmp_path: Path) -> None:
    source = source_of("images", {**images(tmp_path), "number": "order", "follow": True})
    with pytest.raises(ValueError, match="in which others may stand now"):
        source.reread({"first": None}, 3)


def test_images_whose_first_number_nobody_has_told_are_not_read_again(tmp_path: Path) -> None:
    options = images(tmp_path)
    with pytest.raises(ValueError, match="give its number in first_number"):
        source_of("images", options).reread(None, 3)
    source = source_of("images", {**options, "first_number": 100})
    source.reread(None, 3)
    assert source.bearing == {"first": 100}


def test_a_generator_goes_on_at_its_rate_and_does_not_begin_with_waiting() -> None:
    source = source_of("generator", {"url": "generator:", "kind": "scan", "items": 0, "rate": 20.0})
    source.reread({}, FRAMES - 2)
    begin = time.monotonic()
    assert [item.number for item in read_all(source) if isinstance(item, Packet)] == [
        None,
        FRAMES - 2,
        FRAMES - 1,
        FRAMES,
        FRAMES + 1,
    ]
    assert time.monotonic() - begin < FRAMES / 20

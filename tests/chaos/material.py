"""What the devices of a campaign send: real messages of three protocols, with the flaws of the schedule in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from beamloom.devices import pandabox, stins
from beamloom.devices.images import Image
from chaos.analyses.chaotic import DTYPE, SHAPE
from chaos.schedule import Flaws

LATE_BY = 200
"""Items after which a late one is sent: more than an ingester holds to put packets in order."""
COLUMN = "COUNTER1.OUT.Value"


def picture(item: int) -> Image:
    """The picture with this index."""
    pixels = np.arange(SHAPE[0] * SHAPE[1], dtype=DTYPE) * (item % 1000)
    pixels[0] = item
    return pixels.reshape(SHAPE)


def camera_messages(events: int, flaws: Flaws, missing: Collection[int] = ()) -> Iterator[list[bytes]]:
    """A series of a STINS camera; items in ``missing`` are left out besides, and then late ones, too.

    They would not be late any more if those before them were missing.
    """
    late: dict[int, list[bytes]] = {}
    for index, message in enumerate(stins.generate(images=_pictures(events, flaws))):
        item = index - 1
        if item in flaws.late:
            if not missing:
                late[item + LATE_BY] = message
        elif item in flaws.corrupt:
            yield [message[0][: len(message[0]) // 2], *message[1:]]
        elif item not in flaws.gap and item not in missing:
            yield message
            if item in flaws.duplicate:
                yield message
        if item in late:
            yield late.pop(item)


def _pictures(events: int, flaws: Flaws) -> Iterator[Image]:
    for item in range(events):
        pixels = picture(item)
        if item in flaws.retyped:
            pixels = pixels.astype(np.float32)
        if item in flaws.reshaped:
            pixels = pixels[:2]
        yield pixels


def box_messages(events: int) -> Iterator[list[bytes]]:
    """An arm of a PandABox whose rows count."""
    return pandabox.generate(columns={COLUMN: np.arange(events, dtype=float).tolist()})


def encoder_settings(flaws: Flaws, rate: float) -> dict[str, Any]:
    """The stream of the generator, as the pipeline file has it."""
    faults = {name: list(getattr(flaws, name)) for name in ("gap", "corrupt", "duplicate", "reorder")}
    return {"device": "generator", "kind": "encoder", "items": 0, "rate": rate, **faults}


def without(flaws: Flaws, missing: Collection[int]) -> Flaws:
    """The same, with further items left out."""
    return replace(flaws, gap=tuple(sorted({*flaws.gap, *missing} - {*flaws.corrupt, *flaws.late})))

"""The reducer of ``results.py``: ten images of 1 MB, a million rows that grow, and when each result was reduced."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from beamloom import Result
from beamloom.results import Append

IMAGES = 10
ELEMENTS = 2**17
ROWS = 1_000_000


def million_rows() -> Append:
    """Rows of a million events, as a worker would send them."""
    rows = {
        "coverage": np.array([[0, ROWS]]),
        "events": np.arange(ROWS),
        "values": np.arange(float(ROWS)),
        "fill": None,
        "first": 0,
        "window": None,
    }
    return Append.from_wire_state({**Append().wire_state(), "rows": rows})


class Reducer:
    """Each result changes one image, adds a row, and is the last."""

    images = IMAGES

    def __init__(self) -> None:
        self._times: list[float] = []
        self._images = [np.zeros(ELEMENTS) for _ in range(self.images)]
        self.publish: dict[str, Any] = {
            "images": {f"image{number}": image for number, image in enumerate(self._images)},
            "rows": Append().merge(million_rows()),
            "last": -1,
        }

    def process_result(self, result: Result) -> None:
        """Takes a number that counts up from 0."""
        number = int(result.payload)
        self._images[number % self.images] += 1.0
        self.publish["rows"].add(ROWS + number, float(number))
        self.publish["last"] = number
        self._times.append(time.monotonic())

    def finish(self) -> None:
        """Publish when each result was reduced."""
        self.publish["times"] = np.array(self._times)


class OneImage(Reducer):
    """The same with one image, which each result changes."""

    images = 1

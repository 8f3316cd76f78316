"""The curve of the tutorial's scan, which was stopped when its peak had been passed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from picture_runs import measured

from beamloom.devices import albaem
from beamloom.triggermap import open_ended

POINTS = [round(-4 + 0.1 * step, 3) for step in range(81)]
CENTRE, WIDTH = 0.62, 0.8
TAKEN = 57
"""Points at which the scan of the tutorial ends, with nothing else on the machine."""


@contextmanager
def scenes() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The pipeline after the scan."""
    readings = [
        (1e-9 * math.exp(-(((one - CENTRE) / WIDTH) ** 2) / 2) + 1e-12, one, 0.0, 0.0)
        for one in POINTS[:TAKEN]
    ]
    series = {"diode": ("albaem", albaem.generate(currents=readings))}
    with measured("peak", series, open_ended(["diode"]), tutorial="steer-a-scan") as address:
        yield address, {"tutorial-peak": "results?path=scan"}

"""A reducer that publishes a new picture of 2 megapixels twelve times a second, each with the time in it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

ROWS, COLUMNS = 1024, 2048
PERIOD = 1 / 12
STAMPS = 65_536
"""The last pixel is the time in ms, modulo this."""


class Worker:
    """Gives nothing: the pictures are made where they are published."""

    def process_event(self, event: Any, parameters: Any) -> None:
        """Nothing."""


class Reducer:
    """Rings that grow, with noise: no two pictures are alike."""

    def __init__(self) -> None:
        rows, columns = np.mgrid[-1 : 1 : ROWS * 1j, -2 : 2 : COLUMNS * 1j]
        noise = np.random.default_rng(1).poisson(20, (ROWS, COLUMNS))
        self._pictures = [
            (200 * np.sin(20 * np.hypot(rows, columns) - turn) ** 2 + noise).astype(np.uint16)
            for turn in np.linspace(0, np.pi, 8, endpoint=False)
        ]
        self._shown = 0
        self.publish: dict[str, Any] = {"picture": self._pictures[0], "picture_attrs": {"units": "counts"}}

    def process_result(self, result: Any, parameters: Any) -> None:
        """Nothing comes."""

    def timer(self, parameters: Any) -> float:
        """The next picture; seconds until the one after it."""
        self._shown += 1
        picture = self._pictures[self._shown % len(self._pictures)].copy()
        picture[-1, -1] = int(time.time() * 1000) % STAMPS
        self.publish["picture"] = picture
        return PERIOD

"""The projections that are kept: those of the newest parameters that decide what a projection is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from beamloom.apps.tomography.slices import Stack

Array = np.ndarray[Any, np.dtype[Any]]


class Kept(NamedTuple):
    """What is kept of a projection beside itself."""

    row: Array
    """One row of it before the filter, as the sinogram shows it."""
    mass: float
    position: float


class Stock:
    """Projections by event; results of former parameters that come late are left out."""

    def __init__(self) -> None:
        self.stack = Stack()
        self.factor = 1
        """Pixels of the frame along a pixel of a projection."""
        self.about: dict[int, Kept] = {}
        self._layout = ""
        self._epoch = -1

    def add(self, event: int, projection: dict[str, Any], epoch: int) -> None:
        """Take the projection of an event, as the worker has made it."""
        if projection["layout"] != self._layout:
            if epoch < self._epoch:
                return
            self.stack, self.about, self._layout = Stack(), {}, projection["layout"]
        self._epoch = max(self._epoch, epoch)
        self.factor = projection["factor"]
        self.stack.add(event, projection["filtered"])
        self.about[event] = Kept(projection["sinogram"], projection["mass"], projection["position"])

"""A series without data: numbers to work on, all there from the start."""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom.rules.arrays import Array


class Numbers:
    """The integers below ``count``."""

    def __init__(self, count: int) -> None:
        self._count = count

    def closed(self) -> bool:
        """Always."""
        return True

    def count(self) -> int:
        """How many there are."""
        return self._count

    def read(self, start: int, stop: int) -> Array:
        """The numbers themselves."""
        return np.arange(start, stop)

    def metadata(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def close(self) -> None:
        """Nothing is open."""

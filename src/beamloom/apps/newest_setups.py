"""Which of several setups is the newest, whichever results come late.

What events give for parameters before and after a change is held apart, by setup; the newest is shown, and the oldest are given up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

KEPT: Final = 4
"""Setups that are held, as results of events before a change may come after it."""


class NewestSetups:
    """The setups that are held, each with the newest epoch that it was seen in."""

    def __init__(self) -> None:
        self._epochs: dict[str, int] = {}

    def saw(self, setups: Iterable[str], epoch: int, held: dict[str, Any]) -> None:
        """A result of these setups came, of this epoch of the parameters; what is no longer kept is removed from ``held``."""
        for name in setups:
            self._epochs[name] = max(epoch, self._epochs.get(name, -1))
        while len(self._epochs) > KEPT:
            oldest = min(self._epochs, key=self._epochs.__getitem__)
            del self._epochs[oldest], held[oldest]

    @property
    def newest(self) -> str | None:
        """The one to show; None before the first."""
        return max(self._epochs, key=self._epochs.__getitem__, default=None)

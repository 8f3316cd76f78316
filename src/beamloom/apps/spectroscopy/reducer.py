"""The reduce: adds up spectra, and makes the scan of them about once a second, of all frames in the order of their events.

Spectra are kept by layout, a name made of the parameters with which they were made: shown are those of the newest, of which a change
begins a new one. They are shown by the parameters that they were made with: those of the moment may be newer than all results.
"""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np

from beamloom import Parameter, ParameterSet, Result, merge_into
from beamloom.apps.newest_setups import NewestSetups
from beamloom.apps.spectroscopy import parameters as described
from beamloom.apps.spectroscopy.pictures import published

_INTERVAL: Final = 1.0
"""Seconds between two looks, at least; they take a fifth of the reducer's time at most."""


class Reducer:
    """X-ray spectroscopy: the results of all workers."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return [*described.IMAGE, *described.SCAN]

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {}
        self._layouts: dict[str, Any] = {}
        self._given: dict[str, ParameterSet] = {}
        """The parameters of each layout."""
        self._newest = NewestSetups()
        self._seen: tuple[Any, ...] = ()

    def process_result(self, result: Result, parameters: ParameterSet) -> None:
        """Take the spectra of one frame or of several."""
        if result.payload is None:
            return
        merge_into(self._layouts, result.payload["layouts"])
        self._newest.saw(result.payload["layouts"], result.epoch, self._layouts)
        self._given |= dict.fromkeys(result.payload["layouts"], parameters)
        self._given = {name: self._given[name] for name in self._layouts}

    def timer(self) -> float:
        """Show what there is; returns the seconds until the next time."""
        begun = time.monotonic()
        self._look()
        return max(_INTERVAL, 5 * (time.monotonic() - begun))

    def finish(self) -> None:
        """Show it for the last time."""
        self._look()

    def _look(self) -> None:
        newest = self._newest.newest
        if newest is None:
            return
        kept, given = self._layouts[newest], self._given[newest]
        seen = (newest, kept["sum"].version)
        if seen != self._seen:
            self._seen = seen
            self.publish.clear()
            self.publish |= published(
                kept, float(given["energy_step"]), calibrated=bool(np.size(given["energy_calibration"].value))
            )

"""The reduce: merges the tables that workers return, and makes maps and the summed spectrum of them about once a second.

Maps are made from the rows in the order of events, so that they are the same to the last bit in whichever order results came.
"""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np

from beamloom import Parameter, ParameterSet, Result, UserError, merge_into
from beamloom.apps.fluorescence.maps import joined, map_of
from beamloom.apps.fluorescence.parameters import ALL
from beamloom.apps.fluorescence.setup import Setups
from beamloom.apps.newest_setups import NewestSetups

_SHARE: Final = 5.0
"""The time between two looks, in times of what a look takes; a second at least."""
_BESIDE: Final = ("i0", "dead_time_correction")


class Reducer:
    """X-ray fluorescence: the results of all workers."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return ALL

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {}
        self._held: dict[str, Any] = {}
        self._held_setups = NewestSetups()
        self._setups = Setups()

    def process_result(self, result: Result) -> None:
        """Take what a worker found, of one event or of several."""
        if result.payload is None:
            return
        merge_into(self._held, result.payload)
        self._held_setups.saw(result.payload.get("setups", ()), result.epoch, self._held.get("setups", {}))

    def timer(self, parameters: ParameterSet) -> float:
        """Make maps; returns the seconds until the next time."""
        begun = time.monotonic()
        self._show(parameters)
        return max(1.0, _SHARE * (time.monotonic() - begun))

    def finish(self, parameters: ParameterSet) -> None:
        """Make them for the last time."""
        self._show(parameters)

    def _show(self, parameters: ParameterSet) -> None:
        if self._held_setups.newest is None:
            return
        newest = self._held["setups"][self._held_setups.newest]
        self.publish["points"] = newest["points"]
        try:
            self.publish["spectrum"] = self._spectrum(newest["spectrum"], parameters)
            self.publish.update(self._maps(newest["points"], parameters))
        except UserError as error:
            self.publish["problem"] = str(error)
        else:
            self.publish.pop("problem", None)

    def _maps(self, points: Any, parameters: ParameterSet) -> dict[str, Any]:
        if "positions" not in self._held:
            return {}
        columns, xs, ys = joined(points.snapshot(), self._held["positions"].snapshot())
        maps: dict[str, Any] = {
            name: map_of(name, values, xs, ys, parameters)
            for name, values in columns.items()
            if name not in _BESIDE
        }
        return {"maps": maps, "positions": self._held["positions"]}

    def _spectrum(self, total: Any, parameters: ParameterSet) -> dict[str, Any]:
        """The sum of all spectra over channels, or over energies with its fit."""
        counts = np.asarray(total.value)
        fit = self._setups.of(parameters, len(counts)).fit
        if fit is None:
            return {
                "_attrs": {"NX_class": "NXdata", "signal": "counts", "axes": ["channel"]},
                "counts": counts,
                "channel": np.arange(len(counts)),
            }
        return {
            "_attrs": {
                "NX_class": "NXdata",
                "signal": "counts",
                "axes": ["energy"],
                "auxiliary_signals": ["fit", "background"],
            },
            **fit.curves(counts),
            "energy": fit.model.energy,
            "energy_attrs": {"units": "keV"},
        }

"""The reduce: merges what workers return, and publishes the patterns of the newest geometry with their axes.

Waterfalls, tables and last frames show themselves. Means are put beside their axes once a second.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from beamloom import Parameter, Result, merge_into
from beamloom.apps.azimuthal.parameters import ALL
from beamloom.apps.newest_setups import NewestSetups

_INTERVAL: Final = 1.0
"""Seconds between two looks."""


class Reducer:
    """Azimuthal integration: the results of all workers."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return ALL

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {}
        self._held: dict[str, Any] = {}
        self._setups = NewestSetups()

    def process_result(self, result: Result) -> None:
        """Take what a worker found, of one frame or of several."""
        if result.payload is None:
            return
        merge_into(self._held, result.payload)
        self.publish["frames"] = self._held["frames"]
        self._setups.saw(result.payload.get("setups", ()), result.epoch, self._held.get("setups", {}))

    def timer(self) -> float:
        """Show the means; returns the seconds until the next time."""
        self._show()
        return _INTERVAL

    def finish(self) -> None:
        """Show them for the last time."""
        self._show()

    def _show(self) -> None:
        if self._setups.newest is None:
            return
        newest = self._held["setups"][self._setups.newest]
        waterfall = newest["waterfall"].snapshot()
        radial, about = waterfall["x"], waterfall["x_attrs"]
        shown = {name: newest[name] for name in ("waterfall", "errors", "last_frame") if name in newest}
        for name, published in (("mean", "pattern"), ("mean_clipped", "clipped_pattern")):
            if name in newest:
                shown[published] = _over(newest[name], ["radial"], {"radial": radial, "radial_attrs": about})
        if "mean_cake" in newest:
            azimuth = {"azimuth": newest["azimuth"].value, "azimuth_attrs": {"units": "deg"}}
            axes = {**azimuth, "radial": radial, "radial_attrs": about}
            shown["cake"] = _over(newest["mean_cake"], ["azimuth", "radial"], axes)
        for name in set(self.publish) - set(shown) - {"frames"}:
            del self.publish[name]
        self.publish.update(shown)


def _over(mean: Any, names: list[str], axes: dict[str, Any]) -> dict[str, Any]:
    """An NXdata group: a mean with its standard error, over these axes."""
    snapshot = mean.snapshot()
    return {
        "_attrs": {"NX_class": "NXdata", "signal": "intensity", "axes": names},
        "intensity": np.asarray(snapshot["mean"]),
        "intensity_attrs": snapshot["mean_attrs"],
        "intensity_errors": np.asarray(snapshot["mean_errors"]),
        "frames": snapshot["count"],
        **axes,
    }

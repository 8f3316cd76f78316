"""The reduce: merges what workers found. Curves and the mean frame are made of it about once a second, from all events in their order."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np

from beamloom import Result, merge_into

Array = np.ndarray[Any, np.dtype[Any]]
_INTERVAL: Final = 1.0
"""Seconds between two looks, at least; they take a fifth of the reducer's time at most."""
MOST_POINTS: Final = 4000
"""A curve over more events shows every n-th."""
CURVES: Final = {
    "brightness": ("mean of the frame", "counts", ("mean",)),
    "brightest": ("highest value of the frame", "counts", ("maximum",)),
    "centre": ("centre of mass", "pixel", ("centre_row", "centre_column")),
    "regions": ("mean of the region", "counts", tuple(f"region_{one}" for one in range(1, 9))),
    "photon_count": ("photons of the frame", "photons", ("photons",)),
    "change": ("mean absolute difference to the frame before", "counts", ("change",)),
}
"""What is shown over the events: its label, its units, and the columns that it is made of."""


class Reducer:
    """Imaging statistics: the results of all workers, of either class."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {}
        self._shown = -1

    def process_result(self, result: Result) -> None:
        """Take what a worker found, of one frame or of several."""
        if result.payload is not None:
            merge_into(self.publish, result.payload)

    def timer(self) -> float:
        """Make curves and the mean; returns the seconds until the next time."""
        begun = time.monotonic()
        self._look()
        return max(_INTERVAL, 5 * (time.monotonic() - begun))

    def finish(self) -> None:
        """Make them for the last time."""
        self._look()

    def _look(self) -> None:
        table = self.publish.get("frames")
        if table is None or table.version == self._shown:
            return
        self._shown = table.version
        columns = table.snapshot()
        for name, (label, units, wanted) in CURVES.items():
            if there := [one for one in wanted if one in columns]:
                self.publish[name] = _curve({one: columns[one] for one in there}, label, units)
        if "sum" in self.publish:
            self.publish["mean_frame"] = _mean(self.publish["sum"].snapshot())


def _curve(columns: dict[str, Any], label: str, units: str) -> dict[str, Any]:
    """An NXdata group of one or several columns over the events that have a value in any of them."""
    values = {name: np.asarray(column, np.float64) for name, column in columns.items()}
    length = max(map(len, values.values()))
    values = {
        name: np.pad(column, (0, length - len(column)), constant_values=np.nan)
        for name, column in values.items()
    }
    events = np.flatnonzero(np.any([np.isfinite(column) for column in values.values()], axis=0))
    events = events[:: -(-len(events) // MOST_POINTS) or 1]
    signal, *others = values
    attributes = {"NX_class": "NXdata", "signal": signal, "axes": ["event"], "title": label}
    if others:
        attributes["auxiliary_signals"] = others
    group: dict[str, Any] = {"_attrs": attributes, "event": events, "event_attrs": {"long_name": "event"}}
    for name, column in values.items():
        group |= {
            name: column[events],
            f"{name}_attrs": {"units": units, "long_name": name.replace("_", " ")},
        }
    return group


def _mean(summed: dict[str, Any]) -> dict[str, Any]:
    return {
        "_attrs": {"NX_class": "NXdata", "signal": "mean", "title": "mean of all frames"},
        "mean": np.asarray(summed["sum"]) / max(1, int(summed["count"])),
        "mean_attrs": {"units": "counts", "long_name": "mean of all frames"},
    }

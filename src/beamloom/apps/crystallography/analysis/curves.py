"""How an experiment goes: curves over the events, from one row for each frame.

They are taken from all rows by event number, so that they do not depend on the order in which frames were analysed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.analysis import pump_probe

Array = np.ndarray[Any, np.dtype[Any]]
MOST_POINTS: Final = 4000
"""A curve of more frames shows every n-th."""


def running_mean(events: Array, values: Array, window: int) -> tuple[Array, Array]:
    """Events, and at each the mean of ``values`` over it and the frames before it, ``window`` in all or as many as there are; (n,) each."""
    if not len(events):
        return events, values.astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    step = -(-len(events) // MOST_POINTS)
    last = np.arange(len(events) - 1, -1, -step)[::-1]
    first = np.maximum(last + 1 - window, 0)
    return events[last], (sums[last + 1] - sums[first]) / (last + 1 - first)


def curves(columns: Mapping[str, Array], window: int) -> dict[str, Any]:
    """NXdata groups of hit rates, saturation and resolution, and ``summary``; ``columns`` have a row for each event."""
    hit = np.asarray(columns["hit"])
    events = np.flatnonzero(hit >= 0)
    hits = hit[events] == 1
    found: dict[str, Any] = {"hit_rate": _rate(events, hits, window, "hit rate")}
    laser = np.asarray(columns["laser"])[events]
    for name, state in (("pumped", pump_probe.PUMPED), ("dark", pump_probe.DARK)):
        if (these := laser == state).any():
            found[f"hit_rate_{name}"] = _rate(events[these], hits[these], window, f"hit rate, {name}")
    of_hits = events[hits]
    saturated = np.asarray(columns["saturated_peaks"])[of_hits] > 0
    found["saturation"] = _rate(of_hits, saturated, window, "hits with saturated peaks")
    resolution = np.asarray(columns["resolution"], np.float64)[of_hits]
    known = np.isfinite(resolution)
    found["resolution"] = _curve(of_hits[known], resolution[known], window, "estimated resolution", "Å")
    found["summary"] = {
        "frames": len(events),
        "hits": int(hits.sum()),
        "hit_rate": 100 * float(hits.mean()) if len(hits) else 0.0,
        "hit_rate_attrs": {"units": "%"},
        "saturated_hits": int(saturated.sum()),
    }
    return found


def _rate(events: Array, yes: Array, window: int, label: str) -> dict[str, Any]:
    return _curve(events, 100.0 * yes, window, label, "%")


def _curve(events: Array, values: Array, window: int, label: str, units: str) -> dict[str, Any]:
    at, mean = running_mean(events, values, window)
    return {
        "_attrs": {"NX_class": "NXdata", "signal": "value", "axes": ["event"], "title": label},
        "value": mean,
        "value_attrs": {"units": units, "long_name": label},
        "event": at,
        "event_attrs": {"long_name": "event"},
    }

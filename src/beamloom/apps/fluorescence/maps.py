"""Points to maps: NXdata groups of what was found over where the beam was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from beamloom import Bins, Map2D, ParameterSet, UserError

Array = np.ndarray[Any, np.dtype[Any]]


def joined(points: Mapping[str, Any], positions: Mapping[str, Any]) -> tuple[dict[str, Array], Array, Array]:
    """Columns, x and y of the events that are in both tables, in the order of events."""
    xs, ys = (np.asarray(positions[axis], np.float64) for axis in "xy")
    columns = {name: np.asarray(column) for name, column in points.items() if hasattr(column, "dtype")}
    columns.pop("coverage", None)
    length = min(len(xs), *map(len, columns.values()))
    both = np.isfinite(xs[:length]) & np.isfinite(ys[:length])
    return {name: one[:length][both] for name, one in columns.items()}, xs[:length][both], ys[:length][both]


def map_of(name: str, values: Array, xs: Array, ys: Array, parameters: ParameterSet) -> Mapping[str, Any]:
    """One map, by the grid that ``parameters`` choose. Raises UserError."""
    units = str(parameters["position_units"].value)
    known = np.isfinite(values)
    values, xs, ys = values[known], xs[known], ys[known]
    match parameters["grid"].value:
        case "points":
            return _scattered(name, values, xs, ys, units)
        case "steps":
            steps = [Bins(width=float(parameters[f"{axis}_step"])) for axis in "xy"]
            grid = Map2D(*steps, units="counts", label=name, x_units=units, y_units=units)
        case _:
            tolerance = np.asarray(parameters["tolerance"].value).tolist() or None
            if tolerance is not None and len(tolerance) != 2:
                raise UserError(
                    f"tolerance is {tolerance}; give two numbers, for x and y, or [] for a quarter of the step"
                )
            grid = Map2D(
                tolerance=tolerance and (tolerance[0], tolerance[1]),
                units="counts",
                label=name,
                x_units=units,
                y_units=units,
            )
    try:
        return grid.add(0, values, xs, ys).snapshot()
    except ValueError as error:
        raise UserError(
            f"there is no map of {name}: {error}; set x_step and y_step, or show points by grid = points"
        ) from None


def _scattered(name: str, values: Array, xs: Array, ys: Array, units: str) -> dict[str, Any]:
    """Points wherever they are, which silx shows as such."""
    return {
        "_attrs": {"NX_class": "NXdata", "signal": "amount", "axes": ["x", "y"]},
        "amount": values,
        "amount_attrs": {"units": "counts", "long_name": name},
        "x": xs,
        "x_attrs": {"units": units},
        "y": ys,
        "y_attrs": {"units": units},
    }

"""What is published of the projections: NXdata groups of slices, the sinogram and the axis, in pixels of the frame."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from beamloom import ParameterSet
from beamloom.apps.tomography.centre import centre_by_mass, centre_by_pair

if TYPE_CHECKING:
    from beamloom.apps.tomography.stock import Stock

Array = np.ndarray[Any, np.dtype[Any]]


def curve(events: Array, values: Array, name: str, units: str) -> dict[str, Any]:
    """Values over the events."""
    return {
        "_attrs": {"NX_class": "NXdata", "signal": name, "axes": ["event"]},
        name: values,
        f"{name}_attrs": {"units": units},
        "event": events,
        "event_attrs": {"long_name": "event"},
    }


def picture(
    image: Array, down: tuple[str, Array], right: tuple[str, Array], title: str, units: str
) -> dict[str, Any]:
    """An image over two axes, each with its name; of events the numbers, of all else pixels, and rows go down as those of a frame."""
    group: dict[str, Any] = {
        "_attrs": {"NX_class": "NXdata", "signal": "image", "axes": [down[0], right[0]], "title": title},
        "image": image,
        "image_attrs": {"units": units, "long_name": title},
    }
    for name, places in (down, right):
        group |= {name: places, f"{name}_attrs": {} if name == "event" else {"units": "pixel"}}
    if down[0] == "row":
        group["_attrs"]["y_down"] = True
    return group


def pictures_of(stock: Stock, degrees: Mapping[int, float], given: ParameterSet) -> dict[str, Any]:
    """The axis, the sinogram and the slices, of the projections of these angles by event."""
    events = stock.stack.events
    angles = np.radians([degrees[event] for event in events])
    height, width = stock.stack.shape
    factor = stock.factor
    centre, how = _centre(stock, angles, given)
    row = int(given["slice_row"])
    row = height // 2 if row < 0 else min(row // factor, height - 1)
    made = stock.stack.slices(
        angles, centre, row, float(given["slice_x"]) / factor, float(given["slice_y"]) / factor
    )
    across = (np.arange(width) - (width - 1) / 2) * factor
    rows, columns = (np.arange(size) * factor + (factor - 1) / 2 for size in (height, width))
    per_pixel = "1/pixel"
    shown = {
        "across": picture(
            made.across / factor, ("y", across), ("x", across), "slice across the axis", per_pixel
        ),
        "along_x": picture(
            made.along_x / factor, ("row", rows), ("x", across), "slice along the axis, over x", per_pixel
        ),
        "along_y": picture(
            made.along_y / factor, ("row", rows), ("y", across), "slice along the axis, over y", per_pixel
        ),
    }
    return {
        "slices": shown,
        "sinogram": picture(
            np.array([stock.about[event].row for event in events]),
            ("event", np.array(events)),
            ("column", columns),
            "sinogram",
            "absorption",
        ),
        "axis": {
            "column": (centre + 0.5) * factor - 0.5,
            "column_attrs": {"units": "pixel"},
            "found_by": how,
        },
    }


def _centre(stock: Stock, angles: Array, given: ParameterSet) -> tuple[float, str]:
    """The column of the axis in projections, and how it is known; as long as it cannot be found, the middle."""
    wanted = float(given["centre"])
    if wanted:
        return (wanted + 0.5) / stock.factor - 0.5, "the parameter centre"
    method = str(given["centre_method"].value)
    found = _by_pair(stock, angles) if method == "pair" else _by_mass(stock, angles)
    if math.isfinite(found):
        return found, method
    return (stock.stack.shape[1] - 1) / 2, "nothing yet: the middle of the frame"


def _by_mass(stock: Stock, angles: Array) -> float:
    about = [stock.about[event] for event in stock.stack.events]
    return centre_by_mass(
        angles, np.array([one.position for one in about]), np.array([one.mass for one in about])
    )


def _by_pair(stock: Stock, angles: Array) -> float:
    """By the first projection and that which is nearest to half a turn from it; NaN as long as none is within a degree."""
    known = np.flatnonzero(np.isfinite(angles))
    if len(known) < 2:
        return math.nan
    first = known[0]
    apart = np.abs(np.abs(angles[known] - angles[first]) - math.pi)
    opposite = known[int(np.argmin(apart))]
    if apart.min() > math.radians(1):
        return math.nan
    events = stock.stack.events
    return centre_by_pair(stock.stack.projection(events[first]), stock.stack.projection(events[opposite]))

"""The assembled image: the pixels of all panels where they are in space, none of them lost.

Rounding the coordinates of a turned panel puts some pixels on each other and leaves holes. Instead a panel is turned as a whole by three
shears, each of which moves rows or columns by whole pixels (Paeth, Graphics Interface 1986): every pixel of a panel gets a place of its
own, without holes between them, at most two pixels from where it belongs. Panels whose directions are not those of a turned grid are
rounded.

Where panels overlap in space, pixels of several share a place, which then shows their mean.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.geometry.model import DetectorPanel, Geometry, GeometryError
from beamloom.apps.crystallography.geometry.slab import Slab

Array = np.ndarray[Any, np.dtype[Any]]

_TOLERANCE: Final = 1.0
"""Pixels by which the outermost pixel of a panel may differ from a turned grid."""


class Assembly:
    """The map from the slab of a geometry to its image, whose rows go up with y and columns with x."""

    def __init__(self, geometry: Geometry) -> None:
        slab = Slab(geometry)
        rows = np.zeros(slab.shape, np.int64)
        columns = np.zeros(slab.shape, np.int64)
        covered = np.zeros(slab.shape, np.bool_)
        for panel in geometry.panels:
            top, bottom, left, right = slab.places[panel.name]
            here = np.s_[top : bottom + 1, left : right + 1]
            columns[here], rows[here] = _placed(panel)
            covered[here] = True
        first_row, first_column = int(rows[covered].min()), int(columns[covered].min())
        self.shape = (
            int(rows[covered].max()) - first_row + 1,
            int(columns[covered].max()) - first_column + 1,
        )
        self.beam = (-first_row - 0.5, -first_column - 0.5)
        """Row and column of the image where the beam is; the centre of a pixel is its index."""
        if self.shape[0] * self.shape[1] > 2**31:
            raise GeometryError(
                f"the assembled image would have {self.shape[0]} x {self.shape[1]} pixels; look at corner_x and corner_y of the panels"
            )
        self._slab_shape = slab.shape
        self._from = np.flatnonzero(covered)
        self.places = (rows[covered] - first_row) * self.shape[1] + columns[covered] - first_column
        """Flat index in the image of each pixel that is of a panel, in the order of the slab."""
        shares = np.bincount(self.places, minlength=self.shape[0] * self.shape[1])
        self._shares = shares if shares.max() > 1 else None
        self.shared = int(np.sum(shares[shares > 1]))
        """How many pixels share a place with one of another panel."""

    def image(self, slab: Array, fill: float = 0) -> Array:
        """``slab`` as an image; ``fill`` where there is no pixel. Of the type of the slab, or float64 where pixels share a place."""
        if slab.shape != self._slab_shape:
            raise GeometryError(f"the slab has the shape {slab.shape}, but the geometry {self._slab_shape}")
        values = slab.reshape(-1)[self._from]
        if self._shares is None:
            image = np.full(self.shape[0] * self.shape[1], fill, slab.dtype)
            image[self.places] = values
        else:
            sums = np.bincount(self.places, values, minlength=self._shares.size)
            image = np.full(sums.shape, fill, np.float64)
            np.divide(sums, self._shares, out=image, where=self._shares > 0)
        return image.reshape(self.shape)

    def total(self, slab: Array) -> Array:
        """``slab`` as an image of sums: it has the sum of the slab, whatever pixels share a place; float64."""
        values = slab.reshape(-1)[self._from]
        return np.bincount(self.places, values, minlength=self.shape[0] * self.shape[1]).reshape(self.shape)


def _placed(panel: DetectorPanel) -> tuple[Array, Array]:
    """Column and row of each pixel of ``panel``, whole numbers counted from the beam."""
    steps = np.array([[panel.fs[0], panel.ss[0]], [panel.fs[1], panel.ss[1]]])
    height, width = panel.shape
    ss, fs = np.mgrid[:height, :width]
    middle = np.array([width // 2, height // 2])
    turned = _as_turned_grid(steps, max(height, width))
    if turned is None:
        x = panel.corner_x + (fs + 0.5) * steps[0, 0] + (ss + 0.5) * steps[0, 1]
        y = panel.corner_y + (fs + 0.5) * steps[1, 0] + (ss + 0.5) * steps[1, 1]
        return np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    quarter, angle = turned
    u = quarter[0, 0] * (fs - middle[0]) + quarter[0, 1] * (ss - middle[1])
    v = quarter[1, 0] * (fs - middle[0]) + quarter[1, 1] * (ss - middle[1])
    half = -math.tan(angle / 2)
    u = u + np.rint(half * v).astype(np.int64)
    v = v + np.rint(math.sin(angle) * u).astype(np.int64)
    u = u + np.rint(half * v).astype(np.int64)
    centre = np.array([panel.corner_x, panel.corner_y]) + steps @ (middle + 0.5)
    return u + math.floor(centre[0]), v + math.floor(centre[1])


def _as_turned_grid(steps: Array, reach: int) -> tuple[Array, float] | None:
    """Quarter turns and flips, a matrix of whole numbers, and the angle of up to 45 degrees that follows; None where it is no such grid."""
    along = int(np.argmax(np.abs(steps[:, 0])))
    quarter = np.zeros((2, 2), np.int64)
    quarter[along, 0] = 1 if steps[along, 0] > 0 else -1
    quarter[1 - along, 1] = 1 if steps[1 - along, 1] > 0 else -1
    rest = steps @ quarter.T
    angle = math.atan2(rest[1, 0] - rest[0, 1], rest[0, 0] + rest[1, 1])
    grid = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    if np.abs(rest - grid).sum() * reach / 2 > _TOLERANCE:
        return None
    return quarter, angle

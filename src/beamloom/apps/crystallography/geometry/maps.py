"""Where each pixel of the slab is: x, y, its distance from the beam, and its resolution.

x and y are in pixels, from the beam. They are those of the corner of the pixel, as OM has them and as its radial bins follow from, or of
the centre, as CrystFEL's peak positions have them; the two differ by half a pixel along fs and ss. A pixel of no panel is NaN, so that no
radial bin contains it.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, Literal

import numpy as np

from beamloom.apps.crystallography.geometry.model import Geometry, GeometryError
from beamloom.apps.crystallography.geometry.slab import Slab

Array = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.float32]]


class PixelMaps:
    """The maps of a geometry, each of the shape of its slab; made when they are first asked for."""

    def __init__(
        self,
        geometry: Geometry,
        *,
        at: Literal["corner", "centre"] = "corner",
        shift_x: float | None = None,
        shift_y: float | None = None,
    ) -> None:
        """``shift_x`` and ``shift_y``: what a frame has where the geometry takes a shift of the detector from each frame."""
        self.geometry = geometry
        self.slab = Slab(geometry)
        self._step = 0.5 if at == "centre" else 0.0
        self._shift = tuple(
            0.0 if shift is None else shift.of_frame(found, f"detector_shift_{axis}")
            for axis, shift, found in (
                ("x", geometry.detector_shift_x, shift_x),
                ("y", geometry.detector_shift_y, shift_y),
            )
        )

    @functools.cached_property
    def x(self) -> Floats:
        """In pixels, float32."""
        return self._coordinate(0)

    @functools.cached_property
    def y(self) -> Floats:
        """In pixels, float32."""
        return self._coordinate(1)

    @functools.cached_property
    def radius(self) -> Floats:
        """The distance from the beam in pixels, float32."""
        radius: Floats = np.sqrt(np.square(self.x) + np.square(self.y))
        return radius

    @functools.cached_property
    def panel(self) -> Array:
        """The index of each pixel's panel in the geometry, int32; -1 where there is none."""
        panels = np.full(self.slab.shape, -1, np.int32)
        for index, panel in enumerate(self.geometry.panels):
            top, bottom, left, right = self.slab.places[panel.name]
            panels[top : bottom + 1, left : right + 1] = index
        return panels

    def z(self, clen: float | None = None) -> Array:
        """Along the beam from the sample, in metres, float64; ``clen``: what the frame has where the geometry refers to it."""
        depth = np.full(self.slab.shape, np.nan)
        for panel in self.geometry.panels:
            distance = self.geometry.distance_of_frame(panel, clen)
            ss, fs = self._grid(panel.shape)
            top, bottom, left, right = self.slab.places[panel.name]
            depth[top : bottom + 1, left : right + 1] = (
                distance + (ss * panel.ss[2] + fs * panel.fs[2]) / panel.res
            )
        return depth

    def resolution(self, *, wavelength: float | None = None, clen: float | None = None) -> Array:
        """1/d of each pixel in 1/Å: 2 sin(theta) / wavelength (Bragg), float64.

        ``wavelength`` in Å, by default the geometry's; ``clen`` as in ``z``. Raises GeometryError where the geometry does not say enough.
        """
        length = self.geometry.wavelength_of_frame() if wavelength is None else wavelength
        if not 0 < length < math.inf:
            raise GeometryError(f"the wavelength is {length} Å; give a positive one")
        across = self.radius.astype(np.float64)
        for panel in self.geometry.panels:
            top, bottom, left, right = self.slab.places[panel.name]
            across[top : bottom + 1, left : right + 1] /= panel.res
        resolution: Array = 2 * np.sin(np.arctan2(across, self.z(clen)) / 2) / length
        return resolution

    def place(self, fs: Array, ss: Array) -> tuple[Array, Array]:
        """X and y in pixels of peaks at ``fs`` and ``ss`` of the slab, whole numbers at pixel centres; NaN outside of the panels."""
        fs, ss = np.asarray(fs, np.float64), np.asarray(ss, np.float64)
        x, y = np.full(fs.shape, np.nan), np.full(fs.shape, np.nan)
        row, column = np.rint(ss).astype(np.int64), np.rint(fs).astype(np.int64)
        inside = (row >= 0) & (row < self.slab.shape[0]) & (column >= 0) & (column < self.slab.shape[1])
        owner = np.full(fs.shape, -1)
        owner[inside] = self.panel[row[inside], column[inside]]
        for index in np.unique(owner[owner >= 0]):
            panel = self.geometry.panels[index]
            top, _, left, _ = self.slab.places[panel.name]
            own = owner == index
            along, down = fs[own] - left + self._step, ss[own] - top + self._step
            x[own] = panel.corner_x + along * panel.fs[0] + down * panel.ss[0] + self._shift[0] * panel.res
            y[own] = panel.corner_y + along * panel.fs[1] + down * panel.ss[1] + self._shift[1] * panel.res
        return x, y

    def _grid(self, shape: tuple[int, int]) -> tuple[Array, Array]:
        ss, fs = np.ogrid[: shape[0], : shape[1]]
        return ss + self._step, fs + self._step

    def _coordinate(self, axis: int) -> Floats:
        map_ = np.full(self.slab.shape, np.nan, np.float32)
        for panel in self.geometry.panels:
            ss, fs = self._grid(panel.shape)
            corner = (panel.corner_x, panel.corner_y)[axis] + self._shift[axis] * panel.res
            top, bottom, left, right = self.slab.places[panel.name]
            map_[top : bottom + 1, left : right + 1] = ss * panel.ss[axis] + fs * panel.fs[axis] + corner
        return map_


@dataclasses.dataclass(frozen=True)
class Ring:
    """A circle of equal resolution on the detector."""

    d: float
    """In Å."""
    radius: float
    """In pixels."""


def rings(
    geometry: Geometry, spacings: list[float], *, wavelength: float | None = None, clen: float | None = None
) -> list[Ring]:
    """Where the spacings ``d`` in Å lie on the first panel's plane; those that nothing of this wavelength is scattered to are left out."""
    length = geometry.wavelength_of_frame() if wavelength is None else wavelength
    panel = geometry.panels[0]
    distance = geometry.distance_of_frame(panel, clen)
    found = []
    for d in spacings:
        angle = 2 * math.asin(length / (2 * d)) if length < 2 * d else math.pi
        if angle < math.pi / 2:
            found.append(Ring(d, distance * math.tan(angle) * panel.res))
    return found

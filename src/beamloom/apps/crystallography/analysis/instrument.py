"""The detector as the analysis sees it: geometry, pixels that count, and where peaks may be.

A pixel counts where the geometry has a panel, none of its bad regions and masks, and the map of bad pixels agrees. Peaks are sought
between ``min_res`` and ``max_res`` pixels from the beam, both included, as OM does.
"""

from __future__ import annotations

import io
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np

from beamloom.apps.crystallography.analysis.inputs import AnalysisInputError, Given, content, names_of, stamp
from beamloom.apps.crystallography.analysis.parameters import GEOMETRY, SEARCH
from beamloom.apps.crystallography.geometry import masks
from beamloom.apps.crystallography.geometry.maps import PixelMaps
from beamloom.apps.crystallography.geometry.model import (
    EV_ANGSTROM,
    DetectorPanel,
    Geometry,
    GeometryError,
    MaskSource,
)
from beamloom.apps.crystallography.geometry.parse import parse_geometry

Array = np.ndarray[Any, np.dtype[Any]]
NAMES = (
    *names_of(GEOMETRY),
    *names_of(one for one in SEARCH if one.name in ("min_res", "max_res", "bad_pixel_map_filename")),
    "bad_pixel_map_hdf5_path",
)
"""The parameters that an instrument is made of."""

_log = logging.getLogger(__name__)


class Instrument:
    """What follows from geometry and masks."""

    def __init__(self, parameters: Given) -> None:
        """Raises AnalysisInputError, GeometryError."""
        self.geometry = read(parameters)
        self.maps = PixelMaps(self.geometry)
        self._centres = PixelMaps(self.geometry, at="centre")
        self.slab = self.maps.slab
        self.mask_files = stamp(_mask_files(parameters, self.geometry))
        """Those that the geometry names, as they were when they were read."""
        self.good = _good(parameters, self.geometry, self.slab.shape)
        """True for pixels that count, (ss, fs)."""
        radius = self.maps.radius
        with np.errstate(invalid="ignore"):
            self.searched = self.good & (radius >= int(parameters["min_res"]))
            if int(parameters["max_res"]):
                self.searched &= radius <= int(parameters["max_res"])
        self.wavelength = wavelength(self.geometry, float(parameters["fallback_beam_energy_in_eV"]))
        """In Å; NaN where it is not known."""
        fallback = float(parameters["fallback_detector_distance_in_mm"]) / 1000
        self._per_metre = np.array([panel.res for panel in self.geometry.panels])
        self._distances = np.array(
            [distance(self.geometry, panel, fallback) for panel in self.geometry.panels]
        )
        self._limits = np.array(
            [math.inf if panel.max_adu is None else panel.max_adu for panel in self.geometry.panels]
        )
        self.has_flags = any(
            panel.flag_lessthan or panel.flag_morethan or panel.flag_equal for panel in self.geometry.panels
        )

    @property
    def adu_per_photon(self) -> float | None:
        """Of the first panel; None where the geometry does not say."""
        return self.geometry.panels[0].adu_per_photon

    @property
    def beam_energy(self) -> float:
        """In eV; NaN where it is not known."""
        return EV_ANGSTROM / self.wavelength

    @property
    def distance(self) -> float:
        """From the sample to the first panel in m; NaN where it is not known."""
        return float(self._distances[0])

    def panel_of(self, fs: Array, ss: Array) -> Array:
        """The index of the panel of each peak, (n,)."""
        owner: Array = self._centres.panel[np.rint(ss).astype(np.int64), np.rint(fs).astype(np.int64)]
        return owner

    def places(self, fs: Array, ss: Array) -> tuple[Array, Array]:
        """X and y of peaks in pixels from the beam, (n,)."""
        return self._centres.place(fs, ss)

    def resolutions(self, fs: Array, ss: Array) -> Array:
        """1/d of peaks in 1/Å, (n,): 2 sin(theta) / wavelength (Bragg); NaN where distance or wavelength is not known."""
        x, y = self.places(fs, ss)
        owner = self.panel_of(fs, ss)
        across = np.hypot(x, y) / self._per_metre[owner]
        resolutions: Array = 2 * np.sin(np.arctan2(across, self._distances[owner]) / 2) / self.wavelength
        return resolutions

    def ring(self, d: float) -> float | None:
        """The radius in pixels of the spacing ``d`` in Å on the first panel; None where it is not known, or beyond 90 degrees."""
        half = self.wavelength / (2 * d)
        if not half < math.sin(math.pi / 4) or not math.isfinite(self._distances[0]):
            return None
        return float(self._distances[0] * math.tan(2 * math.asin(half)) * self._per_metre[0])

    def limits(self, fs: Array, ss: Array) -> Array:
        """``max_adu`` of the panel of each peak, (n,); infinite where the geometry has none."""
        limits: Array = self._limits[self.panel_of(fs, ss)]
        return limits


def read(parameters: Given) -> Geometry:
    """The geometry that the parameters name. Raises AnalysisInputError, GeometryError."""
    text = content(parameters, "geometry_file")
    if text is None:
        raise AnalysisInputError(
            "there is no geometry; set the parameter geometry_file to a CrystFEL geometry that the workers can read, "
            "or send its content as geometry_file_file"
        )
    try:
        return parse_geometry(text.decode())
    except UnicodeDecodeError:
        raise AnalysisInputError("geometry_file is no text; give a CrystFEL geometry") from None


def wavelength(geometry: Geometry, energy: float) -> float:
    """In Å: of the geometry, else of the photon ``energy`` in eV; NaN where neither is known."""
    try:
        return geometry.wavelength_of_frame()
    except GeometryError:
        return EV_ANGSTROM / energy if energy > 0 else math.nan


def distance(geometry: Geometry, panel: DetectorPanel, fallback: float) -> float:
    """From the sample to ``panel`` in metres: of the geometry, else ``fallback``; NaN where neither is known."""
    try:
        return geometry.distance_of_frame(panel)
    except GeometryError:
        return fallback + panel.coffset if fallback > 0 else math.nan


def dataset(raw: bytes, place: str, parameter: str) -> Array:
    """The dataset at ``place`` of an HDF5 file. Raises AnalysisInputError."""
    import h5py

    try:
        with h5py.File(io.BytesIO(raw), "r") as file:
            found: Array = file[place][...]
    except (KeyError, TypeError, AttributeError):
        raise AnalysisInputError(
            f"{parameter} has no dataset {place}; set its path by {_path_of(parameter)}"
        ) from None
    except OSError:
        raise AnalysisInputError(f"{parameter} is no HDF5 file") from None
    return found


def _path_of(parameter: str) -> str:
    return parameter.replace("_filename", "_hdf5_path")


def _mask_files(parameters: Given, geometry: Geometry) -> list[str]:
    folder = Path(str(parameters["geometry_file"].value)).expanduser().parent
    sources = {source for panel in geometry.panels for source in panel.masks.values()}
    return sorted({str(folder / source.file) for source in sources if source.file is not None})


def _good(parameters: Given, geometry: Geometry, shape: tuple[int, int]) -> Array:
    good: Array = masks.good_pixels(geometry)
    sources = {source for panel in geometry.panels for source in panel.masks.values()}
    if sources:
        folder = Path(str(parameters["geometry_file"].value)).expanduser().parent
        if unread := [source.data for source in sources if source.file is None]:
            _log.warning(
                "the masks %s of the geometry are in the files of the data, which a stream has not; put them into mask_file",
                ", ".join(sorted(set(unread))),
            )

        def mask(source: MaskSource) -> Array:
            if source.file is None:
                return np.full(shape, source.good_bits)
            return dataset(_read(folder / source.file), source.data, f"the mask {source.file}")

        good &= masks.good_by_masks(geometry, mask)
    raw = content(parameters, "bad_pixel_map_filename")
    if raw is not None:
        map_ = dataset(raw, str(parameters["bad_pixel_map_hdf5_path"].value), "bad_pixel_map_filename")
        if map_.shape != shape:
            raise AnalysisInputError(
                f"bad_pixel_map_filename has the shape {map_.shape}, but the geometry {shape}; give a map of the slab"
            )
        good &= map_ != 0
    return good


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AnalysisInputError(
            f"the mask {path} of the geometry cannot be read ({error.strerror})"
        ) from None

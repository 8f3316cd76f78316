"""Calibration: from raw numbers to energy, before peaks are sought.

``dark-gain``: (raw - dark) / gain. ``jungfrau``: the same with dark and gain of the stage that the upper two bits of a raw word tell: bit
14 unset is stage 0; bit 14 alone is 1; bit 15 is 2. Darks that were averaged of raw words hold these bits as well, others do not: a dark
of stage 1 with a median of 16384 or more says so. A pixel whose gain is 0 or no number is NaN, and no peak is sought there.

The common mode of a panel, or of its rows or columns, is the median of the good pixels, taken off after that.
"""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.analysis import common_mode
from beamloom.apps.crystallography.analysis.inputs import AnalysisInputError, Given, content, names_of
from beamloom.apps.crystallography.analysis.instrument import Instrument, dataset
from beamloom.apps.crystallography.analysis.parameters import CALIBRATION

Array = np.ndarray[Any, np.dtype[Any]]
NAMES = names_of(CALIBRATION)
"""The parameters that a calibration is made of."""
_STAGE_BITS: Final = 0xC000
_VALUE_BITS: Final = 0x3FFF
_HDF5: Final = b"\x89HDF\r\n\x1a\n"


class Calibration:
    """Calibrates slabs; ``none`` without common mode returns them as they are."""

    def __init__(self, parameters: Given, instrument: Instrument) -> None:
        """Raises AnalysisInputError for files that do not fit the detector."""
        self._kind = str(parameters["calibration"].value)
        self._common = str(parameters["common_mode"].value)
        self._instrument = instrument
        if self._kind == "none":
            return
        stages = 3 if self._kind == "jungfrau" else 1
        shape = (stages, *instrument.slab.shape)
        self._dark = _dark(parameters, shape)
        gain = _gain(parameters, shape)
        if self._kind == "jungfrau":
            gain = gain * (float(parameters["photon_energy_kev"]) or 1.0)
            self._has_bits = bool(np.median(self._dark[1]) >= 1 << 14)
        with np.errstate(divide="ignore"):
            factor = 1 / gain.astype(np.float64)
        self._factor = np.where(np.isfinite(factor), factor, np.nan).astype(np.float32)

    def __call__(self, raw: Array) -> Array:
        """``raw`` (ss, fs) calibrated, float32; raw itself where there is nothing to do. Raises AnalysisInputError."""
        slab = raw
        if self._kind == "dark-gain":
            slab = np.subtract(raw, self._dark[0], dtype=np.float32, casting="same_kind") * self._factor[0]
        elif self._kind == "jungfrau":
            slab = self._by_stage(raw)
        if self._common != "none":
            # What came from the detector belongs to others.
            slab = slab.astype(np.float32, copy=slab is raw)
            common_mode.take_off(slab, self._instrument.good, self._instrument.slab.panels, self._common)
        return slab

    def _by_stage(self, raw: Array) -> Array:
        if raw.dtype.kind not in "iu" or raw.dtype.itemsize != 2:
            raise AnalysisInputError(
                f"calibration is jungfrau, but frames are {raw.dtype}; raw words have 16 bits: set calibration to none or dark-gain"
            )
        words = np.ascontiguousarray(raw).view(np.uint16)
        values = (words if self._has_bits else words & _VALUE_BITS).astype(np.float32)
        slab: Array = (values - self._dark[0]) * self._factor[0]
        # Most pixels are in stage 0, the others few enough to be done one by one.
        switched = np.flatnonzero(words & _STAGE_BITS)
        stage = np.where(words.reshape(-1)[switched] & 0x8000, 2, 1)
        flat = slab.reshape(-1)
        dark, factor = self._dark.reshape(3, -1), self._factor.reshape(3, -1)
        flat[switched] = (values.reshape(-1)[switched] - dark[stage, switched]) * factor[stage, switched]
        return slab


def _dark(parameters: Given, shape: tuple[int, ...]) -> Array:
    raw = content(parameters, "dark_filename")
    if raw is None:
        return np.zeros(shape, np.float32)
    place = str(parameters["dark_hdf5_path"].value)
    if shape[0] > 1 and _is_group(raw, place):
        stages = [
            dataset(raw, f"{place.rstrip('/')}/gain{stage}", "dark_filename") for stage in range(shape[0])
        ]
        found = np.stack(stages)
    else:
        found = dataset(raw, place, "dark_filename")
    return _fitting(found, shape, "dark_filename")


def _gain(parameters: Given, shape: tuple[int, ...]) -> Array:
    raw = content(parameters, "gain_filename")
    if raw is None:
        return np.ones(shape, np.float32)
    if raw.startswith(_HDF5):
        return _fitting(
            dataset(raw, str(parameters["gain_hdf5_path"].value), "gain_filename"), shape, "gain_filename"
        )
    pixels = shape[1] * shape[2]
    if not raw or len(raw) % (8 * pixels):
        raise AnalysisInputError(
            f"gain_filename has {len(raw)} bytes, which are no float64 of {shape[1]} x {shape[2]} pixels"
        )
    return _fitting(np.frombuffer(raw, "<f8").reshape(-1, *shape[1:]), shape, "gain_filename")


def _fitting(found: Array, shape: tuple[int, ...], parameter: str) -> Array:
    if found.ndim == 2 and shape[0] == 1:
        found = found[np.newaxis]
    if found.ndim != 3 or found.shape[1:] != shape[1:] or len(found) < shape[0]:
        raise AnalysisInputError(
            f"{parameter} has the shape {found.shape}, and {shape if shape[0] > 1 else shape[1:]} is needed: that of the slab"
        )
    return found[: shape[0]].astype(np.float32)


def _is_group(raw: bytes, place: str) -> bool:
    import h5py

    try:
        with h5py.File(io.BytesIO(raw), "r") as file:
            return place in file and isinstance(file[place], h5py.Group)
    except OSError:
        raise AnalysisInputError("dark_filename is no HDF5 file") from None

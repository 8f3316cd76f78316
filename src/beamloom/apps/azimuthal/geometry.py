"""What pyFAI knows: which share of each pixel falls into which bin, what a bin's pixels are worth, and where the bins are.

pyFAI is asked once for each geometry; frames never come here. The weights are its own: the matrix of its CSR engine (rows are bins,
columns pixels, elements the share of the pixel that falls into the bin, masked pixels left out), and as normalisation of a bin the sum of
these shares times solid angle and polarisation of the pixel. The intensity of a bin is the sum of share times counts over that
normalisation: the weighted mean of pyFAI's documentation.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from beamloom import UserError

try:
    from pyFAI.integrator.azimuthal import AzimuthalIntegrator
except ImportError as _missing:  # pragma: no cover - where pyFAI is not installed
    raise UserError(
        f"azimuthal integration needs pyFAI, which is not here ({_missing}); pip install 'beamloom[azimuthal]'"
    ) from None

Array = np.ndarray[Any, np.dtype[Any]]
Splitting = Literal["no", "bbox", "full"]
Range = tuple[float, float]

UNITS = {
    "q_A^-1": ("q", "1/Å"),
    "q_nm^-1": ("q", "1/nm"),
    "2th_deg": ("two_theta", "deg"),
    "2th_rad": ("two_theta", "rad"),
    "r_mm": ("r", "mm"),
}
"""The units of pyFAI: the name of the axis here, and the unit as it is written."""


@dataclasses.dataclass(frozen=True, eq=False)
class Geometry:
    """How frames are integrated."""

    poni: str
    """The content of a .poni file: detector and geometry."""
    bins: int = 1000
    """Of the radial axis."""
    unit: str = "q_A^-1"
    splitting: Splitting = "bbox"
    """Whether a pixel counts for the bin of its centre (``no``), or for all that it lies in: by its box, or by its corners (``full``)."""
    solid_angle: bool = True
    polarization: float | None = None
    """From -1 to 1; None: no correction."""
    mask: Array | None = None
    """True for pixels that do not count, (rows, columns); None: those of the detector in the .poni file."""
    radial_range: Range | None = None
    """In ``unit``."""
    azimuth_range: Range | None = None
    """In degrees."""


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """The matrix of a geometry, by rows as in scipy's ``csr_matrix``, and all that belongs to its bins."""

    share: Array
    """float32."""
    pixel: Array
    """uint32, flat in the frame."""
    start: Array
    """uint32, (bins + 1,)."""
    shape: tuple[int, ...]
    """Of a result: (bins,), or (azimuths, bins)."""
    frame_shape: tuple[int, int]
    normalization: Array
    """Of each bin, float64, (bins,)."""
    pixel_normalization: Array
    """Solid angle times polarisation of each pixel, float32, flat."""
    radial: Array
    """Centres of the bins."""
    azimuth: Array | None
    """Centres in degrees; None for a pattern."""
    axis: str
    units: str

    @property
    def bins(self) -> int:
        """The number of all bins."""
        return len(self.start) - 1


def weights_of(geometry: Geometry, frame_shape: tuple[int, int], azimuths: int = 0) -> Weights:
    """The weights of frames of this shape: of a pattern, or of a cake with so many ``azimuths``. Raises UserError."""
    integrator = integrator_of(geometry)
    shape = tuple(integrator.detector.shape or frame_shape)
    if shape != frame_shape:
        raise UserError(
            f"the geometry is of a detector of {shape[0]} x {shape[1]} pixels ({integrator.detector.name}), but frames have "
            f"{frame_shape[0]} x {frame_shape[1]}; give the .poni file of this detector, or bin neither of both"
        )
    if geometry.mask is not None and geometry.mask.shape != frame_shape:
        raise UserError(
            f"the mask has the shape {geometry.mask.shape}, but frames have {frame_shape}; give one of these frames"
        )
    ones = np.ones(frame_shape, np.float32)
    options = options_of(geometry)
    try:
        if azimuths:
            found = integrator.integrate2d(ones, geometry.bins, azimuths, **options)
        else:
            found = integrator.integrate1d(ones, geometry.bins, **options)
    except (ValueError, RuntimeError, TypeError) as error:
        raise UserError(
            f"pyFAI cannot integrate with these settings: {error}; see unit, ranges and bins"
        ) from error
    (engine,) = (each.engine for method, each in integrator.engines.items() if method.algo_lower == "csr")
    if not len(engine.data):
        raise UserError(
            "no pixel lies within the ranges; radial_range is in the unit, azimuth_range in degrees"
        )
    axis, units = UNITS[geometry.unit]
    return Weights(
        share=np.asarray(engine.data, np.float32),
        pixel=np.asarray(engine.indices).astype(np.uint32),
        start=np.asarray(engine.indptr).astype(np.uint32),
        shape=np.shape(found.intensity),
        frame_shape=frame_shape,
        normalization=_by_engine(np.asarray(found.sum_normalization, np.float64), azimuths),
        pixel_normalization=_pixel_normalization(integrator, geometry, frame_shape),
        radial=np.asarray(found.radial, np.float64),
        azimuth=np.asarray(found.azimuthal, np.float64) if azimuths else None,
        axis=axis,
        units=units,
    )


def integrator_of(geometry: Geometry) -> AzimuthalIntegrator:
    """The integrator of pyFAI. Raises UserError where the text is no .poni file, or lacks the wavelength that the unit needs."""
    entries = {}
    for line in geometry.poni.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            entries[name.strip().lower()] = value.strip()
    if not {"poni1", "poni2"} <= entries.keys() or not {"distance", "dist"} & entries.keys():
        raise UserError(
            "the geometry has no Distance, Poni1 and Poni2; give the content of a .poni file as pyFAI-calib2 writes it"
        )
    try:
        integrator: AzimuthalIntegrator = AzimuthalIntegrator().load(entries)
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        raise UserError(
            f"pyFAI does not read this .poni file: {error}; write it anew by pyFAI-calib2"
        ) from None
    if geometry.unit.startswith("q_") and not integrator.wavelength:
        raise UserError(
            f"the .poni file has no wavelength, which {geometry.unit} needs; add it, or take a unit of 2th or r"
        )
    return integrator


def options_of(geometry: Geometry) -> dict[str, Any]:
    """The arguments of pyFAI's own ``integrate1d`` and ``integrate2d`` for this geometry."""
    return {
        "method": (geometry.splitting, "csr", "cython"),
        "unit": geometry.unit,
        "correctSolidAngle": geometry.solid_angle,
        "polarization_factor": geometry.polarization,
        "mask": geometry.mask,
        "radial_range": geometry.radial_range,
        "azimuth_range": geometry.azimuth_range,
    }


def _pixel_normalization(
    integrator: AzimuthalIntegrator, geometry: Geometry, frame_shape: tuple[int, int]
) -> Array:
    factors = np.ones(frame_shape, np.float32)
    if geometry.solid_angle:
        factors *= integrator.solidAngleArray(frame_shape, geometry.solid_angle)
    if geometry.polarization is not None:
        factors *= integrator.polarization(frame_shape, geometry.polarization)
    return factors.reshape(-1)


def _by_engine(values: Array, azimuths: int) -> Array:
    """Values of bins in the order of the engine's rows, in which the azimuth of a cake runs fastest."""
    return values.T.reshape(-1) if azimuths else values

"""The map: projects an image to a spectrum, and reads what was measured beside it."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from beamloom import Event, Latest, Parameter, ParameterSet, Sum, Table, UserError, Waterfall
from beamloom.apps.files import image_of
from beamloom.apps.images import Camera
from beamloom.apps.spectroscopy import parameters as described
from beamloom.apps.spectroscopy.projection import Projector, Region
from beamloom.apps.spectroscopy.scan import key_of
from beamloom.apps.values import number_of

Array = np.ndarray[Any, np.dtype[Any]]


class Worker:
    """X-ray emission and absorption with a dispersive spectrometer, of any camera."""

    combine = True

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return [*described.IMAGE, *described.SCAN]

    def __init__(self) -> None:
        self._camera = Camera()
        self._projector: tuple[Any, Projector] | None = None

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any] | None:
        """What the frame of ``event`` adds; None for an event without a frame. Raises UserError."""
        seen = self._camera.image(event, str(parameters["detector_stream"].value))
        if seen is None:
            return None
        image = seen.array.T if parameters["energy_along"].value == "rows" else seen.array
        projector = self._projector_of(image.shape, parameters)
        spectrum, number = projector.spectrum(image), event.event_number
        energies = axis_of(projector.columns, parameters)
        layout: dict[str, Any] = {
            "sum": Sum().add(number, spectrum),
            "weights": Latest().add(number, projector.weights),
            "energies": Latest().add(number, energies),
            "last": Waterfall(rows=200, units="counts", label="last spectra").add(number, spectrum),
        }
        told = {"counts": float(spectrum[within(energies, parameters)].sum())}
        for name in ("energy", "i0", "transmitted"):
            if where := str(parameters[name].value):
                found = number_of(event, where, name)
                told[name] = math.nan if found is None else found
        has_beam = told.get("i0", 1.0) > 0
        if "i0" in told and has_beam:
            layout["with_beam"] = Sum().add(number, spectrum)
        if "energy" in told:
            told["energy"] *= float(parameters["energy_scale"])
            if has_beam and math.isfinite(told["energy"]):
                point = int(key_of(told["energy"], float(parameters["energy_step"])))
                layout["points"] = {str(point): Sum().add(number, spectrum)}
        return {
            "layouts": {layout_of(parameters, image.shape): layout | {"frames": Table().add(number, told)}}
        }

    def _projector_of(self, shape: tuple[int, ...], given: ParameterSet) -> Projector:
        """Made once for each set of parameters."""
        key = (given.hash, shape)
        if self._projector is None or self._projector[0] != key:
            self._projector = key, projector_for((shape[0], shape[1]), given)
        return self._projector[1]


def projector_for(shape: tuple[int, int], given: ParameterSet) -> Projector:
    """What projects frames of this shape, (rows, columns along the energy). Raises UserError."""
    region = given["region"].value
    if region.size not in (0, 4):
        raise UserError("region takes four numbers: first row, first column, end row, end column")
    turned = given["energy_along"].value == "rows"
    region = (
        Region(*(np.roll(region.reshape(2, 2), 1, axis=1) if turned else region).ravel().tolist())
        if region.size
        else None
    )
    bad = image_of(given, "mask_file", shape[::-1] if turned else shape)
    return Projector(
        shape,
        curvature=given["curvature"].value.ravel(),
        region=region,
        bad=bad.T if bad is not None and turned else bad,
        per_pixel=int(given["bins_per_pixel"]),
        least=float(given["least_counts"]) or -np.inf,
        most=float(given["most_counts"]) or np.inf,
    )


def axis_of(columns: Array, given: ParameterSet) -> Array:
    """The energies of columns, or the columns themselves."""
    calibration = given["energy_calibration"].value.ravel()
    energies: Array = np.polynomial.polynomial.polyval(columns, calibration) if calibration.size else columns
    return energies


def within(energies: Array, given: ParameterSet) -> Array:
    """Which of ``energies`` lie in the window, bool. Raises UserError."""
    window = given["emission_window"].value.ravel()
    if window.size not in (0, 2):
        raise UserError("emission_window takes two energies: from, to")
    if not window.size:
        return np.ones(len(energies), np.bool_)
    inside: Array = (energies >= window.min()) & (energies <= window.max())
    return inside


def layout_of(given: ParameterSet, shape: tuple[int, ...]) -> str:
    """The same for all spectra that may be added up."""
    names = [part.name for one in Worker.describe_parameters() for part in one.parts()]
    return hashlib.sha256(
        b"".join([str(shape).encode(), *(given[name].digest for name in names)])
    ).hexdigest()[:16]

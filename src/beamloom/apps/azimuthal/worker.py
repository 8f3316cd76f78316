"""The map: a frame becomes a pattern, and where it is wanted a cake and a pattern without outliers, each divided by i0.

What is averaged is returned under the name of its setup, so that patterns before and after a change of the geometry are never mixed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from beamloom import Event, Latest, Mean, Parameter, ParameterSet, Table, Waterfall
from beamloom.apps.azimuthal.integrator import Integrator, Pattern
from beamloom.apps.azimuthal.parameters import ALL
from beamloom.apps.azimuthal.setup import Setups
from beamloom.apps.images import Camera, Image
from beamloom.apps.values import number_of

Array = np.ndarray[Any, np.dtype[Any]]


class Worker:
    """Azimuthal integration of the frames of any device that sends images."""

    combine = True

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return ALL

    def __init__(self, context: dict[Any, Any] | None = None) -> None:
        self._camera = Camera()
        self._setups = Setups.of_run(context)

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any] | None:
        """What the frame of ``event`` adds to the results; None for an event without a frame. Raises UserError."""
        image = self._camera.image(event, str(parameters["detector_stream"].value))
        if image is None:
            return None
        number, i0 = event.event_number, _i0(event, parameters)
        if not i0 > float(parameters["i0_least"]):
            return {"frames": Table().add(number, {"i0": i0, "intensity": math.nan})}

        setup = self._setups.of(parameters, image.shape)
        scale = float(parameters["i0_reference"]) / i0
        pattern = _pattern(setup.patterns, image, bool(parameters["counting_errors"]))
        intensity = scale * pattern.intensity
        axis = setup.patterns.weights
        rows = int(parameters["waterfall_rows"])
        shown: dict[str, Any] = {
            "waterfall": Waterfall(
                rows, x=axis.radial, x_units=axis.units, x_label=axis.axis, label="patterns"
            ).add(number, intensity),
            "mean": Mean(label="mean pattern").add(number, intensity),
        }
        if pattern.sigma is not None:
            shown["errors"] = Waterfall(rows, label="errors of patterns").add(number, scale * pattern.sigma)
        if setup.clipped is not None:
            clipped = setup.clipped.integrate(image.array)
            shown["mean_clipped"] = Mean(label="mean clipped pattern").add(number, scale * clipped.intensity)
        if setup.cakes is not None:
            cake = scale * setup.cakes.integrate(image.array).intensity
            shown["azimuth"] = Latest().add(number, setup.cakes.weights.azimuth)
            shown["mean_cake"] = Mean(label="mean cake").add(number, cake)
        if number % int(parameters["show_every"]) == 0:
            shown["last_frame"] = Latest(units="counts", label="last frame").add(number, image.array)
        return {
            "frames": Table().add(number, {"i0": i0, "intensity": _level(intensity)}),
            "setups": {setup.name: shown},
        }


def _pattern(patterns: Integrator, image: Image, errors: bool) -> Pattern:
    """As it was sent, where that is possible: unpacking a frame takes as long as integrating it."""
    found = None if image.packed is None else patterns.integrate_packed(image.packed, errors=errors)
    return patterns.integrate(image.array, errors=errors) if found is None else found


def _i0(event: Event, parameters: ParameterSet) -> float:
    """What to divide by; 1 where nothing is said, NaN where the event has no packet that tells."""
    name = str(parameters["i0"].value)
    if not name:
        return 1.0
    found = number_of(event, name, "i0")
    return math.nan if found is None else found


def _level(intensity: Array) -> float:
    """The mean over the bins that have pixels."""
    return float(np.nanmean(intensity))

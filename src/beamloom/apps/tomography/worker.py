"""The map: brings a frame and its angle together, and makes of it a projection that is ready to be projected back.

All that depends on one frame alone is done here, by as many workers as are needed; what needs the angles of others, in the reducer.
"""

from __future__ import annotations

import hashlib
from typing import Any

from beamloom import Event, Parameter, ParameterSet
from beamloom.apps.files import image_of
from beamloom.apps.images import Camera
from beamloom.apps.tomography import parameters as described
from beamloom.apps.tomography.centre import mass_of
from beamloom.apps.tomography.correction import absorption, factor_for
from beamloom.apps.tomography.encoder import Encoder, camera_time
from beamloom.apps.tomography.filtering import filtered


class Worker:
    """Tomography with any camera and any box that captures the angle."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return [*described.ANGLES, *described.PROJECTIONS, *described.SLICES]

    def __init__(self) -> None:
        self._camera = Camera()
        self._encoder = Encoder()
        self._references: tuple[Any, ...] = ()

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any] | None:
        """The angle of the frame, and its projection; None for an event without a frame. Raises UserError."""
        self._encoder.remember(event)
        seen = self._camera.image(event, str(parameters["detector_stream"].value))
        if seen is None:
            return None
        reading = self._encoder.reading(event, seen, parameters)
        result: dict[str, Any] = {
            "degrees": reading.degrees,
            "time": reading.time,
            "camera_time": camera_time(seen.parsed),
            "frame_number": getattr(seen.parsed, "frame", event.event_number),
        }
        if parameters["slices"].value:
            result["projection"] = self._projection(seen.array, parameters)
        return result

    def _projection(self, frame: Any, given: ParameterSet) -> dict[str, Any]:
        dark, flat = self._dark_and_flat(frame.shape, given)
        factor = factor_for(frame.shape[1], int(given["slice_pixels"]))
        absorbed = absorption(frame, dark=dark, flat=flat, air=int(given["air_columns"]), factor=factor)
        mass, position = mass_of(absorbed)
        row = int(given["slice_row"])
        row = absorbed.shape[0] // 2 if row < 0 else min(row // factor, absorbed.shape[0] - 1)
        return {
            "layout": layout_of(given, frame.shape),
            "factor": factor,
            "mass": mass,
            "position": position,
            "sinogram": absorbed[row],
            "filtered": filtered(absorbed, str(given["filter"].value)),
        }

    def _dark_and_flat(self, shape: tuple[int, ...], given: ParameterSet) -> tuple[Any, Any]:
        """Read once for each set of parameters."""
        if not self._references or self._references[0] != (given.hash, shape):
            images = image_of(given, "dark_file", shape), image_of(given, "flat_file", shape)
            self._references = (given.hash, shape), images
        found: tuple[Any, Any] = self._references[1]
        return found


_OF_LAYOUT = (
    "dark_file",
    "dark_file_file",
    "flat_file",
    "flat_file_file",
    "air_columns",
    "slice_pixels",
    "filter",
)


def layout_of(given: ParameterSet, shape: tuple[int, ...]) -> str:
    """The same for all projections that may be projected back together."""
    parts = [str(shape).encode(), *(given[name].digest for name in _OF_LAYOUT)]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]

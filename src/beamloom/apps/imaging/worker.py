"""The map: what one frame adds to the results. It depends on that frame and the parameters alone, so any worker may have it."""

from __future__ import annotations

from typing import Any

from beamloom import Event, Latest, Mean, Parameter, ParameterSet, Sum, Table
from beamloom.apps.images import Camera
from beamloom.apps.imaging import parameters as described
from beamloom.apps.imaging.maximum import Maximum
from beamloom.apps.imaging.results import of_photons
from beamloom.apps.imaging.statistics import centre_of_mass, mean_of, regions_of


class Worker:
    """Sum, maximum, means of regions, centre of mass and single photons, of any camera."""

    combine = True

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return [*described.CAMERA, *described.STATISTICS, *described.PHOTONS]

    def __init__(self) -> None:
        self._camera = Camera()

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any] | None:
        """What the frame of ``event`` adds; None for an event without a frame. Raises UserError for parameters that make no sense."""
        seen = self._camera.image(event, str(parameters["detector_stream"].value))
        if seen is None:
            return None
        frame, number = seen.array, event.event_number
        row, column = centre_of_mass(frame, float(parameters["centre_threshold"]))
        told = {
            "mean": frame.mean(dtype=float),
            "maximum": float(frame.max()),
            "centre_row": row,
            "centre_column": column,
        }
        for index, region in enumerate(regions_of(parameters["regions"].value)):
            told[f"region_{index + 1}"] = mean_of(frame, region)
        results = {
            "sum": Sum(units="counts", label="sum of all frames").add(number, frame),
            "maximum": Maximum(units="counts", label="highest value").add(number, frame),
            "last": Latest(int(parameters["show_every"]), units="counts", label="last frame").add(
                number, frame
            ),
        }
        if parameters["variance"].value:
            results["mean"] = Mean(units="counts", label="mean frame").add(number, frame)
        if float(parameters["photon_threshold"]) > 0:
            results["photons"], told["photons"] = of_photons(number, frame, parameters)
        return results | {"frames": Table().add(number, told)}

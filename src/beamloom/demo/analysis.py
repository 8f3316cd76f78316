"""The analysis of the demo: where the beam was, and how much of each element was there."""

from __future__ import annotations

from typing import Any

from beamloom import Event, IntParameter, Parameter, Result

LINES = {"Fe": 640, "Cu": 805, "Au": 971}
"""Channel of the strongest line of each element, at 10 eV per channel: Fe Ka 6.40 keV, Cu Ka 8.05 keV, Au La 9.71 keV."""


class Worker:
    """Sums the counts around the line of each element."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """A region of interest for each element."""
        lines = [
            IntParameter(
                name=element, default=channel, unit="channel", description=f"centre of the {element} ROI"
            )
            for element, channel in LINES.items()
        ]
        reach = "from the centre of a ROI to its last channel"
        return [*lines, IntParameter(name="half_width", default=15, min=0, unit="channel", description=reach)]

    def process_event(self, event: Event, parameters: Any) -> dict[str, Any] | None:
        """The position of one point of the scan, and its counts by element."""
        point = event.streams["contrast"].parse()
        if point.status != "running":  # the scan starts or ends
            return None
        spectrum = event.streams["xspress3"].parse().data.sum(axis=0)
        half_width = int(parameters["half_width"])
        counts = {}
        for element in LINES:
            centre = int(parameters[element])
            counts[element] = int(spectrum[centre - half_width : centre + half_width + 1].sum())
        position = float(point.pseudo["x"][0]), float(point.pseudo["y"][0])
        return {"position": position, "counts": counts}


class Reducer:
    """Puts the counts on the map."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"map": {}}

    def process_result(self, result: Result) -> None:
        """One point more."""
        if result.payload is not None:
            self.publish["map"][result.payload["position"]] = result.payload["counts"]

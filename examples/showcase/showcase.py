"""An analysis that publishes one result of each kind: numbers, curves, images, maps, waterfalls and tables.

It has a parameter of each kind, too. With ``fail_every`` it fails now and then, to show how failures look.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from beamloom import (
    Append,
    ArrayParameter,
    BoolParameter,
    ChoiceParameter,
    Event,
    FileParameter,
    FloatParameter,
    Histogram,
    IntParameter,
    Latest,
    Map2D,
    Mean,
    Parameter,
    Result,
    StrParameter,
    Sum,
    Table,
    Waterfall,
    merge_into,
)


def flattened(image: np.ndarray, flat_field: bytes) -> np.ndarray:
    """A picture divided by the response of its pixels, an array of its shape as npy; as it is where there is none."""
    if not flat_field:
        return image
    response = np.load(io.BytesIO(flat_field), allow_pickle=False)
    return np.rint(image / response).astype(image.dtype)


def check(number: int, fail_every: int) -> None:
    """Raise an error at every so many events."""
    if fail_every and number % fail_every == 0:
        raise ValueError(f"the shutter was closed at event {number}")


class Worker:
    """Counts in a region of the camera and in a line of the spectrum, by position."""

    combine = True

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """A rectangle on the camera, a line of the spectrum, and what is on the stage."""
        edge = {"unit": "pixel", "min": 0, "max": 256}
        return [
            IntParameter(name="roi_x", default=80, description="left edge of the region", **edge),
            IntParameter(name="roi_y", default=80, description="upper edge of the region", **edge),
            IntParameter(name="roi_width", default=96, description="width of the region", **edge),
            IntParameter(name="roi_height", default=96, description="height of the region", **edge),
            IntParameter(
                name="line", default=512, min=0, max=2047, unit="channel", description="centre of the line"
            ),
            FloatParameter(
                name="threshold", default=12.0, min=0.0, unit="counts", description="counts below are dark"
            ),
            StrParameter(name="sample", default="C-17", description="what is on the stage"),
            ArrayParameter(
                name="band",
                default=[-10, 10],
                element="int64",
                shape=(2,),
                min=-200,
                max=200,
                unit="channel",
                description="from where to where counts belong to the peak, seen from its centre",
            ),
            BoolParameter(name="keep_dark", description="whether dark pixels count in the region, too"),
            ChoiceParameter(
                name="scaling", choices=("counts", "log"), description="how the newest picture is published"
            ),
            FileParameter(
                name="flat_field",
                description="response of the pixels, 256 x 256 as npy: pictures are divided by it",
            ),
            IntParameter(
                name="fail_every", min=0, unit="events", description="every so many events fails; 0: none"
            ),
        ]

    def process_event(self, event: Event, parameters: Any) -> dict[str, Any] | None:
        """One point of the scan; None where it begins or ends."""
        picture, spectrum, stage = (
            event.streams[name].parse() for name in ("camera", "spectrometer", "stage")
        )
        if not hasattr(picture, "array"):
            return None
        number, channels = event.event_number, spectrum.array[0]
        image = flattened(picture.array, bytes(parameters["flat_field_file"]))
        check(number, int(parameters["fail_every"]))
        x, y, width, height = (int(parameters[f"roi_{name}"]) for name in ("x", "y", "width", "height"))
        region = image[y : y + height, x : x + width]
        counts = float(
            region.sum() if parameters["keep_dark"] else region[region > parameters["threshold"]].sum()
        )
        line, (first, last) = int(parameters["line"]), parameters["band"].value
        peak = int(channels[max(line + first, 0) : line + last + 1].sum())
        row, column = np.unravel_index(int(image.argmax()), image.shape)
        slow, fast = stage.array
        return {
            "camera": Latest(units="counts", label="newest picture").add(
                number, np.log1p(image) if parameters["scaling"] == "log" else image
            ),
            "virtual_powder": Sum(units="counts", label="sum of all pictures").add(number, image),
            "spectrum": Mean(units="counts", label="mean spectrum").add(number, channels),
            "waterfall": Waterfall(rows=200, units="counts", label="the last spectra").add(number, channels),
            "map": Map2D(units="counts", x_units="mm", y_units="mm", label="line by position").add(
                number, peak, fast, slow
            ),
            "region": Append(units="counts", label="counts in the region").add(number, counts),
            "brightness": Histogram(np.arange(0, 64, 1.0), units="counts", label="brightness").add(
                number, image
            ),
            "peaks": Table().add(number, {"x": int(column), "y": int(row), "counts": counts}),
        }


class Reducer:
    """Merges what the workers found, and adds what else there is to say."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {
            "about": {"sample": "", "points": 0, "stage": "simulated"},
            "curves": {},
            "curves_attrs": {
                "NX_class": "NXdata",
                "signal": "sine",
                "auxiliary_signals": ["cosine"],
                "axes": "angle",
            },
        }

    def process_result(self, result: Result, parameters: Any) -> None:
        """The results of some points."""
        if result.payload is None:
            return
        merge_into(self.publish, result.payload)
        self.publish["about"] |= {"sample": str(parameters["sample"]), "points": result.event_number}
        angle = np.linspace(0, 4 * np.pi, 400)
        turn = result.event_number / 50
        self.publish["curves"] = {
            "angle": angle,
            "angle_attrs": {"units": "rad", "long_name": "angle"},
            "sine": np.sin(angle + turn),
            "cosine": np.cos(angle + turn),
        }

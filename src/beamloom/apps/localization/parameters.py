"""What can be set, and the settings that follow. A change holds from an exact event on, unless it says that it is for the next run."""

from __future__ import annotations

import math
from collections.abc import Mapping

from beamloom import FloatParameter, IntParameter, Parameter, ParameterValue, StrParameter, UserError
from beamloom.apps.localization.settings import Camera, Settings

CAMERA = (
    StrParameter(name="camera_stream", description="stream of the camera; empty: the one stream that sends images"),
    FloatParameter(name="pixel_size", default=100, min=1, unit="nm", description="of a pixel in the sample"),
    FloatParameter(name="offset", default=100, unit="count", description="of a pixel without light"),
    FloatParameter(
        name="electrons_per_count",
        default=1,
        min=1e-6,
        description="as its data sheet says; electrons are counted after the gain register",
    ),
    FloatParameter(
        name="read_noise", default=1.5, min=0, unit="electron", description="standard deviation, of all pixels alike"
    ),
    FloatParameter(name="em_gain", default=1, min=1e-6, description="of an EMCCD; 1 for CCD and sCMOS"),
)  # fmt: skip
SOUGHT = (
    FloatParameter(
        name="psf_sigma", default=130, min=1, unit="nm", description="width of a spot, where its fit begins"
    ),
    FloatParameter(
        name="threshold", default=5, min=0.1, description="least z-score of a spot over the noise around it"
    ),
    IntParameter(name="apart", default=3, min=1, max=64, unit="pixel", description="between two spots, at least"),
    IntParameter(
        name="half_size",
        min=0,
        max=40,
        unit="pixel",
        description="fitted on each side of a spot; 0: three times psf_sigma",
    ),
)  # fmt: skip
SHOWN = (
    FloatParameter(
        name="most_uncertain", default=30, min=0.1, unit="nm", description="larger bounds are not in the image"
    ),
    FloatParameter(
        name="worst_misfit", default=3, min=0.1, description="likelihood ratios above so many degrees of freedom are not"
    ),
    FloatParameter(name="image_pixel", default=20, min=0.5, unit="nm", description="of the image; for the next run"),
)  # fmt: skip
END = (
    IntParameter(
        name="drift_segments", min=0, max=200, description="in which drift is sought when the run ends; 0: it is not"
    ),
    StrParameter(
        name="table_file",
        description="written when the run ends: .h5, .h5r or .parquet; {run} is the run; empty: none",
    ),
)  # fmt: skip


def of_workers() -> list[Parameter]:
    """The parameters that workers read."""
    return [*CAMERA, *SOUGHT]


def of_reducer() -> list[Parameter]:
    """The parameters that the reducer reads: those of the workers say how a table was made."""
    return [*CAMERA, *SOUGHT, *SHOWN, *END]


def settings_of(given: Mapping[str, ParameterValue]) -> Settings:
    """The settings of these parameters. Raises UserError where they do not go together."""

    def number(name: str) -> float:
        return float(given[name].value)

    try:
        camera = Camera(
            *map(number, ("offset", "electrons_per_count", "read_noise", "em_gain", "pixel_size"))
        )
        return Settings(
            camera,
            psf_sigma=number("psf_sigma"),
            threshold=number("threshold"),
            apart=math.floor(number("apart")),
            half_size=math.floor(number("half_size")),
        )
    except ValueError as error:
        raise UserError(f"these parameters do not go together: {error}") from error

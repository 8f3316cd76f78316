"""Modules for localizations: drift, links, images. What is done is done by ``beamloom.apps.localization``."""

from __future__ import annotations

from typing import Literal

import numpy as np

from beamloom.apps.localization import blurred, counted, drift_of, undrifted
from beamloom.rules.arrays import Array
from beamloom.rules.errors import RuleError
from beamloom.rules.recipes.registry import module
from beamloom.rules.recipes.values import Image, Table

HIGHEST = 64_000_000
"""Most pixels of an image: above that a size was probably given in other units."""


@module("localisations.DensityMapping", output_image=Image)
def density_mapping(
    input_localizations: Table,
    pixel_size: float,
    rendering_module: Literal["Histogram", "Gaussian"] = "Histogram",
    extent: tuple[float, float, float, float] | None = None,
) -> Image:
    """An image of localizations: how many are in each pixel of ``pixel_size`` nm, or each as a Gaussian as wide as its error.

    ``extent`` is x0, x1, y0, y1 in nm; by default the range of the localizations, in whole pixels.
    """
    x, y = input_localizations.column("x"), input_localizations.column("y")
    box = extent or _around(x, y, pixel_size)
    if (box[1] - box[0]) * (box[3] - box[2]) / pixel_size**2 > HIGHEST:
        raise RuleError(
            f"an image of {box} nm in pixels of {pixel_size} nm has more than {HIGHEST} pixels; give larger pixels"
        )
    columns = {"x": x, "y": y}
    if rendering_module == "Gaussian":
        error = "crlb" if "crlb_x" in input_localizations.columns else "error"
        columns |= {f"crlb_{axis}": input_localizations.column(f"{error}_{axis}") for axis in "xy"}
        table = Table(columns).structured()
        pixels = blurred(table, box, pixel_size, least=pixel_size / 2).astype(np.float32)
    else:
        pixels = counted(Table(columns).structured(), box, pixel_size).astype(np.float32)
    origin = (box[0] + pixel_size / 2, box[2] + pixel_size / 2)
    return Image(pixels, pixel_size, origin, input_localizations.about)


@module("localisations.DriftCorrection", output_name=Table)
def drift_correction(
    input_name: Table, segments: int = 10, pixel: float = 20.0, reach: float = 1000.0
) -> Table:
    """Takes off the drift that the localizations show among themselves; sizes in nm. It needs the columns frame, x and y."""
    table = input_name.structured()
    return Table.of(
        undrifted(table, drift_of(table, segments=segments, pixel=pixel, reach=reach)), input_name.about
    )


def _around(x: Array, y: Array, pixel: float) -> tuple[float, float, float, float]:
    """Whole pixels, and one around them, so that the same places give the same pixels whichever localizations there are."""
    if not len(x):
        return (0.0, pixel, 0.0, pixel)
    low = [np.floor(values.min() / pixel) * pixel for values in (x, y)]
    high = [(np.floor(values.max() / pixel) + 1) * pixel for values in (x, y)]
    return (float(low[0] - pixel), float(high[0] + pixel), float(low[1] - pixel), float(high[1] + pixel))

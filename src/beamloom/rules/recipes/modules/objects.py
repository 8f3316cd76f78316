"""Modules that find and measure objects."""

from __future__ import annotations

import numpy as np

from beamloom.rules.arrays import Array
from beamloom.rules.errors import RuleError
from beamloom.rules.needs import need
from beamloom.rules.recipes.registry import module
from beamloom.rules.recipes.values import Image, Table


@module("base.Threshold", output_name=Image)
def threshold(input_name: Image, threshold: float | None = None) -> Image:
    """1 where the image is above ``threshold``, else 0; without one, above the threshold of Otsu (IEEE Trans. SMC 9 (1979) 62)."""
    level = otsu(input_name.pixels) if threshold is None else threshold
    return input_name.with_pixels((input_name.pixels > level).astype(np.uint8))


@module("base.Label", output_name=Image)
def label(input_name: Image, minimum_pixels: int = 1) -> Image:
    """Numbers the connected areas that are not 0, corners included, from 1 on; those with fewer pixels are left out."""
    ndimage = need("scipy.ndimage", "objects")
    labels, count = ndimage.label(input_name.pixels != 0, np.ones((3,) * input_name.pixels.ndim))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = sizes >= minimum_pixels
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return input_name.with_pixels(numbers[labels])


@module("measurement.Measure2D", output_name=Table)
def measure(input_labels: Image, input_intensity: Image) -> Table:
    """One row for each object: label, pixels, area (nm²), x and y of its centre of mass (nm), sum, mean and maximum of the intensity.

    Lengths are in pixels where the size of a pixel is not known.
    """
    labels, intensity = input_labels.pixels, input_intensity.pixels.astype(np.float64)
    if labels.ndim != 2 or labels.shape != intensity.shape:
        raise RuleError(
            f"labels {labels.shape} and intensity {intensity.shape} are to be two images of one shape"
        )
    count = int(labels.max(initial=0))
    flat, weights = labels.ravel(), intensity.ravel()
    rows, columns = np.indices(labels.shape)
    pixels = np.bincount(flat, minlength=count + 1)[1:]
    total = np.bincount(flat, weights, count + 1)[1:]
    highest = np.full(count + 1, -np.inf)
    np.maximum.at(highest, flat, weights)
    size = input_labels.pixel_size or 1.0
    x0, y0 = input_labels.origin
    with np.errstate(invalid="ignore", divide="ignore"):
        column = np.bincount(flat, weights * columns.ravel(), count + 1)[1:] / total
        row = np.bincount(flat, weights * rows.ravel(), count + 1)[1:] / total
    return Table(
        {
            "label": np.arange(1, count + 1),
            "pixels": pixels,
            "area": pixels * size**2,
            "x": x0 + column * size,
            "y": y0 + row * size,
            "sum": total,
            "mean": total / np.maximum(pixels, 1),
            "maximum": highest[1:],
        },
        input_labels.about,
    )


def otsu(pixels: Array, bins: int = 256) -> float:
    """The level that parts the histogram into two classes with the greatest variance between them."""
    counts, edges = np.histogram(pixels, bins)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    moments = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (moments / below - (moments[-1] - moments) / above) ** 2
    return float(edges[1:][np.nanargmax(between[:-1])]) if bins > 1 else float(edges[0])

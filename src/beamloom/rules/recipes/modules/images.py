"""Modules that make images from images."""

from __future__ import annotations

from typing import Literal

import numpy as np

from beamloom.rules.errors import RuleError
from beamloom.rules.needs import need
from beamloom.rules.recipes.expressions import Expression
from beamloom.rules.recipes.registry import module
from beamloom.rules.recipes.values import Image


@module("filters.GaussianFilter", output_name=Image)
def gaussian_filter(input_name: Image, sigma: float) -> Image:
    """Smooths by a Gaussian of ``sigma`` pixels, each image of a stack by itself."""
    ndimage = need("scipy.ndimage", "filters")
    widths = (0.0,) * (input_name.pixels.ndim - 2) + (sigma, sigma)
    return input_name.with_pixels(ndimage.gaussian_filter(input_name.pixels.astype(np.float32), widths))


@module("filters.MedianFilter", output_name=Image)
def median_filter(input_name: Image, size: int = 3) -> Image:
    """The median of the square of ``size`` pixels around each pixel, each image of a stack by itself."""
    ndimage = need("scipy.ndimage", "filters")
    sizes = (1,) * (input_name.pixels.ndim - 2) + (size, size)
    return input_name.with_pixels(ndimage.median_filter(input_name.pixels, size=sizes))


@module("processing.Projection", output_name=Image)
def projection(input_name: Image, kind: Literal["mean", "max", "min", "sum", "std"] = "mean") -> Image:
    """One image from a stack."""
    if input_name.pixels.ndim < 3:
        raise RuleError("a single image cannot be projected; give a stack (frames, y, x)")
    return input_name.with_pixels(getattr(np, kind)(input_name.pixels, axis=0))


@module("processing.BackgroundSubtraction", output_name=Image)
def background_subtraction(input_name: Image, sigma: float = 20.0, clip: bool = True) -> Image:
    """Takes off the image smoothed by a Gaussian of ``sigma`` pixels; ``clip``: nothing is below 0 then."""
    left = input_name.pixels.astype(np.float32) - gaussian_filter(input_name, sigma).pixels
    return input_name.with_pixels(np.maximum(left, 0) if clip else left)


@module("processing.Arithmetic", output_name=Image)
def arithmetic(input_names: dict[str, Image], expression: str) -> Image:
    """An expression over images of one shape, by their names."""
    images = list(input_names.values())
    shapes = {image.pixels.shape for image in images}
    if len(shapes) != 1:
        raise RuleError(f"the images have different shapes: {', '.join(map(str, sorted(shapes)))}")
    values = {name: image.pixels.astype(np.float64) for name, image in input_names.items()}
    return images[0].with_pixels(
        np.broadcast_to(Expression(expression)(values), images[0].pixels.shape).copy()
    )

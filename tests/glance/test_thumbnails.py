"""Thumbnails show what is in an array, whatever its size, its type and its bad pixels."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from beamloom.glance.thumbnails import block_means, colours_of, measured, thumbnail

GREY = (150, 150, 150)


def picture(array: Any) -> Any:
    """The thumbnail as somebody else's reader of PNG sees it: (y, x, 3) of 0 to 255."""
    url = thumbnail(np.asarray(array))
    assert url is not None
    kind, _, content = url.partition(",")
    assert kind == "data:image/png;base64"
    return np.rint(imread(io.BytesIO(base64.b64decode(content)), format="png")[..., :3] * 255)


def lines(array: Any) -> list[list[tuple[float, float]]]:
    url = thumbnail(np.asarray(array))
    assert url is not None
    kind, _, content = url.partition(",")
    assert kind == "data:image/svg+xml;base64"
    drawn = re.findall(r'points="([^"]*)"', base64.b64decode(content).decode())
    return [[(float(x), float(y)) for x, y in (point.split(",") for point in line.split())] for line in drawn]


def brightness(pixels: Any) -> Any:
    return pixels @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ((3, 5), (3, 5)),
        ((128, 128), (128, 128)),
        ((129, 130), (64, 65)),
        ((2167, 2070), (127, 121)),
        ((2, 3, 300, 200), (100, 66)),
        ((64, 4096), (64, 128)),
    ],
)
def test_a_picture_has_at_most_128_pixels_a_side(shape: tuple[int, ...], shown: tuple[int, int]) -> None:
    assert picture(np.arange(np.prod(shape)).reshape(shape)).shape == (*shown, 3)


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int32", "uint32", "uint64", "float32", "float64", ">u2"]
)
def test_what_is_brighter_in_the_array_is_brighter_in_the_picture(dtype: str) -> None:
    bright = brightness(picture(np.arange(100).reshape(10, 10).astype(dtype))).ravel()
    assert (np.diff(bright[2:-2]) > 0).all()


def test_a_hot_pixel_and_masked_ones_do_not_hide_the_rest() -> None:
    array = np.random.default_rng(1).poisson(10, (100, 100)).astype(np.uint32)
    array[3, 4] = 4_000_000_000
    array[20:30] = np.iinfo(np.uint32).max
    pixels = picture(array)
    assert (pixels[20:30] == GREY).all()
    assert brightness(np.delete(pixels, range(20, 30), axis=0)).std() > 20


def test_blocks_hold_the_mean_of_their_measured_pixels() -> None:
    array = np.ones((256, 256))
    array[0, 1] = 3
    array[1, :2] = (np.nan, np.inf)
    array[2:4, :2] = np.nan
    means = block_means(array, measured(array))
    assert means.shape == (128, 128)
    assert means[0, 0] == 2
    assert np.isnan(means[1, 0])
    assert (means[2:] == 1).all()


def test_a_picture_without_contrast_or_without_a_measurement_is_one_colour() -> None:
    assert len(np.unique(picture(np.full((9, 9), 7)).reshape(-1, 3), axis=0)) == 1
    assert (picture(np.full((9, 9), np.nan)) == GREY).all()


def test_a_single_bright_pixel_among_equal_ones_is_seen() -> None:
    means = np.zeros((100, 100))
    means[50, 50] = 3
    colours = colours_of(means)
    assert colours[50, 50] == 254
    assert np.count_nonzero(colours) == 1


def test_colour_pictures_keep_their_colours() -> None:
    array = np.zeros((4, 6, 3), np.uint8)
    array[1, 2] = (10, 200, 30)
    assert (picture(array) == array).all()


def test_spectra_are_lines_in_which_a_narrow_peak_stays() -> None:
    spectra = np.zeros((4, 4096), np.uint32)
    spectra[2, 1234] = 1000
    drawn = lines(spectra)
    assert len(drawn) == 4
    assert all(len(line) <= 256 for line in drawn)
    tops = [min(line, key=lambda point: point[1]) for line in drawn]
    assert [top[1] for top in tops] == [47, 47, 1, 47]
    assert tops[2][0] == pytest.approx(1 + 126 * 1234 / 4095, abs=0.1)


def test_a_line_leaves_out_what_is_no_number() -> None:
    (line,) = lines([0.0, np.nan, 2.0, np.inf, 4.0])
    assert line == [(1.0, 47.0), (64.0, 24.0), (127.0, 1.0)]


@pytest.mark.parametrize(
    "array", [np.array("text"), np.array(3.0), np.zeros(0), np.zeros((0, 4)), np.ones(1)]
)
def test_what_is_no_picture_has_none(array: Any) -> None:
    assert thumbnail(array) is None


@pytest.mark.parametrize("dtype", ["bool", "complex64", "float16", "longdouble"])
def test_other_numbers_are_shown_too(dtype: str) -> None:
    assert picture(np.eye(20).astype(dtype)).shape == (20, 20, 3)
    assert len(lines(np.eye(20)[3].astype(dtype))) == 1

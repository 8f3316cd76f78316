"""Arrays in the size in which they are shown: blocks, types, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.results.encodings import as_npy
from beamloom.results.selection import SelectionError
from beamloom.results.shown import Size, shown


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.integers(1, 50))
def test_a_block_becomes_its_mean_or_its_largest_value(rows: int, columns: int, high: int, wide: int) -> None:
    image = np.random.default_rng(rows * columns).normal(size=(rows, columns))
    tall, broad = -(-rows // high), -(-columns // wide)
    for by, what in (("mean", np.mean), ("max", np.max)):
        got = shown(image, Size.asked(f"{high},{wide}", by))
        assert got.shape == (-(-rows // tall), -(-columns // broad))
        assert got.shape[0] <= high
        assert got.shape[1] <= wide
        for row, column in np.ndindex(*got.shape):
            block = image[row * tall : (row + 1) * tall, column * broad : (column + 1) * broad]
            assert got[row, column] == pytest.approx(what(block), rel=1e-12, abs=1e-12)


def test_what_is_small_enough_stays_as_it_is() -> None:
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    got = shown(image, Size((3, 4)))
    assert np.shares_memory(got, image)
    assert got.tolist() == image.tolist()


def test_blocks_of_any_size_have_their_largest_value() -> None:
    image = np.random.default_rng(5).normal(size=(5, 1000))
    for most in (1000 // 64, 1000 // 7, 1):
        step = -(-1000 // most)
        truth = [[block.max() for block in np.split(row, np.arange(step, 1000, step))] for row in image]
        np.testing.assert_array_equal(shown(image, Size((5, most), "max")), truth)


def test_a_single_bright_pixel_stays_visible_by_the_largest_value() -> None:
    image = np.zeros((1000, 1000), np.uint32)
    image[137, 911] = 500
    small = shown(image, Size((100, 100), "max"))
    assert (small.max(), int(small.argmax())) == (500, 13 * 100 + 91)


@pytest.mark.parametrize(
    ("given_type", "becomes"),
    [
        ("bool", "u1"),
        ("u1", "u1"),
        (">i2", "i2"),
        ("i4", "i4"),
        ("i8", "f8"),
        ("f2", "f4"),
        (">f8", "f8"),
        ("c8", "f4"),
    ],
)
def test_types_become_those_that_pages_compute_with(given_type: str, becomes: str) -> None:
    array = np.array([0, 1, 1], given_type)
    read = np.load(io.BytesIO(as_npy([shown(array, Size())])))
    assert read.dtype == np.dtype(becomes).newbyteorder("<")
    assert read.tolist() == [0, 1, 1]


def test_sums_of_blocks_do_not_overflow() -> None:
    assert shown(np.full((4, 4), 255, np.uint8), Size((1, 1))).tolist() == [[255.0]]
    assert shown(np.full((4, 4), 2**62, np.uint64), Size((1, 1)))[0, 0] == pytest.approx(2**62)


@pytest.mark.parametrize(
    ("most", "by"),
    [("0", "mean"), ("-1", "mean"), ("a", "mean"), ("5,", "mean"), ("5", "sum"), ("9" * 30, "max")],
)
def test_sizes_that_make_no_sense_are_refused(most: str, by: str) -> None:
    with pytest.raises(SelectionError):
        Size.asked(most, by)


@pytest.mark.parametrize(
    "array",
    [np.array(["text"]), np.zeros(3, [("a", "f8")]), np.array([None])],
)
def test_what_is_no_number_is_refused_in_words(array: Any) -> None:
    with pytest.raises(SelectionError, match="cannot be shown as numbers"):
        shown(array, Size())


def test_more_sizes_than_axes_are_refused() -> None:
    with pytest.raises(SelectionError, match="has 1 axes"):
        shown(np.zeros(5), Size((2, 2)))


def test_what_is_not_a_number_counts_only_where_nothing_else_is() -> None:
    nan = np.nan
    image = np.array([[1.0, nan, 5.0, nan], [3.0, nan, nan, nan], [nan, nan, nan, 8.0], [nan, nan, nan, 2.0]])
    mean = shown(image, Size((2, 2), "mean"))
    np.testing.assert_array_equal(mean, [[2.0, 5.0], [nan, 5.0]])
    np.testing.assert_array_equal(shown(image, Size((2, 2), "max")), [[3.0, 5.0], [nan, 8.0]])


def test_a_mean_with_infinity_is_infinite_and_with_both_is_no_number() -> None:
    values = np.array([1.0, np.inf, np.inf, -np.inf, 1e308, 1e308])
    np.testing.assert_array_equal(shown(values, Size((3,), "mean")), [np.inf, np.nan, np.inf])


@pytest.mark.parametrize(
    ("part", "becomes"), [("abs", 5.0), ("real", 3.0), ("imag", -4.0), ("phase", np.arctan2(-4.0, 3.0))]
)
def test_of_complex_numbers_the_part_is_shown_that_is_asked_for(part: str, becomes: float) -> None:
    got = shown(np.array([3 - 4j]), Size.asked("", "mean", part))
    assert got.tolist() == [pytest.approx(becomes)]
    with pytest.raises(SelectionError, match="part is abs"):
        Size.asked("", "mean", "angle")


def test_an_array_without_axes_keeps_none() -> None:
    assert shown(np.array(7, ">i4"), Size()).shape == ()


def test_arrays_that_are_not_row_major_are_read_as_they_are_shown() -> None:
    image = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert shown(image, Size()).flags.c_contiguous
    assert shown(image, Size()).tolist() == image.tolist()


def test_times_are_counts_of_their_unit() -> None:
    times = np.array(["1970-01-01T00:01", "NaT"], "datetime64[s]")
    np.testing.assert_array_equal(shown(times, Size()), [60.0, np.nan])


def test_integers_are_shown_with_all_their_digits() -> None:
    assert shown(np.array([2**24 + 1], np.uint32), Size()).tolist() == [2**24 + 1]

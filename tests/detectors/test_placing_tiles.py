"""Tiles lie in the frame where their geometry says, and what does not fit is refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.detectors.geometry import Detector, Tile, check_geometry, geometry_problems
from beamloom.detectors.placing import TilesDoNotFit, place
from detectors.geometries import detectors, images_of, plain_pixels

SIX = np.array([[1, 2, 3], [4, 5, 6]], np.uint16)


def one_tile(**keys: Any) -> Detector:
    return Detector(tiles=(Tile(stream="a", at=(0, 0), **keys),))


def side_by_side(**keys: Any) -> Detector:
    """Two tiles of two rows and three columns, a column between them."""
    return Detector(tiles=(Tile(stream="a", at=(0, 0)), Tile(stream="b", at=(0, 4))), **keys)


@given(detectors(), st.sampled_from(["uint16", "int32", "float32"]))
def test_each_pixel_lies_where_a_plain_reading_of_the_geometry_puts_it(
    detector: Detector, dtype: str
) -> None:
    images = images_of(detector, dtype)
    frame = place(detector, images)
    pixels = plain_pixels(detector, images)
    free = detector.fill if detector.fill is not None else np.nan if dtype == "float32" else 0
    expected = np.full(frame.shape, free, dtype)
    for where, value in pixels.items():
        expected[where] = value
    np.testing.assert_array_equal(frame, expected)
    assert frame.dtype == np.dtype(dtype)
    reached = (1 + max(row for row, _ in pixels), 1 + max(column for _, column in pixels))
    assert frame.shape == (detector.shape or reached)


@given(detectors(), st.data())
def test_of_tiles_that_are_left_out_the_pixels_are_filled_and_the_frame_keeps_its_shape(
    detector: Detector, data: st.DataObject
) -> None:
    images = images_of(detector)
    there = data.draw(st.lists(st.sampled_from(sorted(images)), min_size=1, unique=True))
    some = {stream: image for stream, image in images.items() if stream in there}
    frame = place(detector, some)
    assert frame.shape == place(detector, images).shape
    expected = np.full(frame.shape, detector.fill or 0, np.uint16)
    for where, value in plain_pixels(detector, some).items():
        expected[where] = value
    np.testing.assert_array_equal(frame, expected)


@given(detectors())
def test_a_geometry_without_overlaps_has_no_problems(detector: Detector) -> None:
    assert list(geometry_problems(detector)) == []


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, [[1, 2, 3], [4, 5, 6]]),
        ({"rotate": 90}, [[4, 1], [5, 2], [6, 3]]),
        ({"rotate": 180}, [[6, 5, 4], [3, 2, 1]]),
        ({"rotate": 270}, [[3, 6], [2, 5], [1, 4]]),
        ({"flip": "rows"}, [[4, 5, 6], [1, 2, 3]]),
        ({"flip": "columns"}, [[3, 2, 1], [6, 5, 4]]),
        ({"flip": "rows", "rotate": 90}, [[1, 4], [2, 5], [3, 6]]),
    ],
)
def test_a_tile_is_flipped_first_and_then_turned_clockwise(keys: dict[str, Any], expected: Any) -> None:
    np.testing.assert_array_equal(place(one_tile(**keys), {"a": SIX}), expected)


def test_the_frame_is_a_copy_that_may_be_written_to() -> None:
    frame = place(one_tile(), {"a": SIX})
    frame[0, 0] = 99
    assert SIX[0, 0] == 1


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (("uint16", "uint16"), "uint16"),
        (("uint16", "uint32"), "uint32"),
        (("uint16", "int16"), "int32"),
        (("uint16", "float32"), "float32"),
        ((">u2", ">u2"), "uint16"),
        ((">i4", "<i4"), "int32"),
    ],
)
def test_the_type_of_the_frame_holds_all_tiles_in_this_machines_byte_order(
    types: tuple[str, str], expected: str
) -> None:
    frame = place(side_by_side(), {"a": SIX.astype(types[0]), "b": SIX.astype(types[1])})
    assert frame.dtype == np.dtype(expected)
    assert frame.dtype.isnative
    np.testing.assert_array_equal(frame[:, 4:], SIX)


def test_thresholds_stay_the_first_axis() -> None:
    stack = np.stack([SIX, SIX + 10])
    frame = place(side_by_side(), {"a": stack, "b": stack + 100})
    assert frame.shape == (2, 2, 7)
    np.testing.assert_array_equal(frame[1], [[11, 12, 13, 0, 111, 112, 113], [14, 15, 16, 0, 114, 115, 116]])


@pytest.mark.parametrize(
    ("detector", "images", "said"),
    [
        (one_tile(), {"a": SIX[0]}, "stream 'a' sent an array of shape [3]; a tile has rows and columns"),
        (
            one_tile(size=(2, 2)),
            {"a": SIX},
            "stream 'a' sent 2 × 3 pixels, but its tile is given the size 2 × 2",
        ),
        (side_by_side(), {"a": SIX}, "tile 'b' is not in this event and its size is not known"),
        (side_by_side(), {}, "none of the tiles is there"),
        (
            side_by_side(shape=(2, 6)),
            {"a": SIX, "b": SIX},
            "the tile 'b' of 2 × 3 pixels at [0, 4] does not fit",
        ),
        (
            side_by_side(),
            {"a": np.ones((2, 5)), "b": SIX},
            "'a' of 2 × 5 pixels and 'b' of 2 × 3 lie on each other",
        ),
        (
            side_by_side(),
            {"a": SIX, "b": np.stack([SIX])},
            "different numbers of images: [2, 3] of 'a', [1, 2, 3] of 'b'",
        ),
        (
            side_by_side(),
            {"a": SIX.astype("u8"), "b": SIX.astype("i8")},
            "no type of whole numbers holds the values",
        ),
        (side_by_side(fill=-1), {"a": SIX, "b": SIX}, "pixels of type uint16 cannot have the value -1"),
        (side_by_side(fill=0.5), {"a": SIX, "b": SIX}, "pixels of type uint16 cannot have the value 0.5"),
    ],
)
def test_images_that_make_up_no_frame_are_refused_with_a_sentence(
    detector: Detector, images: dict[str, Any], said: str
) -> None:
    with pytest.raises(TilesDoNotFit) as refused:
        place(detector, images)
    assert said in str(refused.value)


def test_a_fill_of_nan_is_that_of_floats_and_no_problem_for_others() -> None:
    assert place(side_by_side(fill=float("nan")), {"a": SIX, "b": SIX})[0, 3] == 0
    floats = SIX.astype("float32")
    assert np.isnan(place(side_by_side(), {"a": floats, "b": floats})[0, 3])


def test_what_can_be_known_without_images_is_listed_at_once() -> None:
    tiles = (
        Tile(stream="a", at=(0, 0), size=(4, 8), rotate=90),
        Tile(stream="b", at=(7, 3)),
        Tile(stream="c", at=(8, 3)),
        Tile(stream="c", at=(20, 0)),
    )
    detector = Detector(tiles=tiles, shape=(16, 16))
    assert [(index, sentence.partition(";")[0]) for index, sentence in geometry_problems(detector)] == [
        (3, "the stream 'c' is named for two tiles"),
        (3, "the tile 'c' reaches to row 20 and column 0, beyond the shape [16, 16] of the detector"),
        (1, "the tile 'b' lies on the tile 'a'"),
    ]
    with pytest.raises(
        ValueError, match=r"detector 'big': the stream 'c' is named .*; detector 'big': the tile"
    ):
        check_geometry({"big": detector})

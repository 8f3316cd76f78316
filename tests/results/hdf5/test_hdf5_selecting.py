"""Selections of the HDF REST API."""

from __future__ import annotations

from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from beamloom.results.hdf5.selecting import parse_select, read_points, read_selection
from beamloom.results.selection import SelectionError

IMAGE = np.arange(1200).reshape(30, 40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, IMAGE),
        ("[]", IMAGE),
        ("[:,:]", IMAGE),
        ("[...]", IMAGE),
        ("[2:4,3:9]", IMAGE[2:4, 3:9]),
        ("[2:4]", IMAGE[2:4]),
        ("2:4,3:9", IMAGE[2:4, 3:9]),
        ("[1:20:3,0:40:7]", IMAGE[1:20:3, ::7]),
        ("[3,4]", IMAGE[3:4, 4:5]),
        ("[..., 4]", IMAGE[:, 4:5]),
        ("[0:10,[1,3]]", IMAGE[:10, [1, 3]]),
        ("[[7,1], 0:2]", IMAGE[[7, 1], :2]),
        ("[[1,2],[3,4]]", IMAGE[[1, 2], [3, 4]]),
        ("[0,[1,2]]", IMAGE[:1, [1, 2]]),
        ("[5:5,:]", IMAGE[5:5]),
        ("[30:30,:]", IMAGE[30:]),
    ],
)
def test_a_selection_is_what_numpy_gives_with_every_axis_kept(text: str | None, expected: Any) -> None:
    part = read_selection(IMAGE, text)
    assert part.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[0:31]", "0:31 is outside of axis 0, which has the length 30"),
        ("[:,40]", "40 is outside of axis 1"),
        ("[-1]", "-1 is outside of axis 0"),
        ("[[1,30]]", r"\[1,30\] is outside of axis 0"),
        ("[0:4:0]", "the step of 0:4:0 is not positive"),
        ("[::-1]", "the step of ::-1 is not positive"),
        ("[a:b]", "a:b is malformed"),
        ("[1:2:3:4]", "is malformed"),
        ("[[1,2]", "is malformed"),
        ("[,]", "is malformed"),
        ("[0,0,0]", "has 3 entries and the dataset 2 axes"),
        ("[[1,2],[1,2,3]]", "lists of different lengths"),
    ],
)
def test_a_wrong_selection_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(SelectionError, match=sentence):
        read_selection(IMAGE, text)


def test_a_single_value_is_selected_by_nothing() -> None:
    assert parse_select(None, ()) == ()
    assert read_selection(np.array(3), "[]") == 3
    with pytest.raises(SelectionError, match="has 1 entries and the dataset 0 axes"):
        read_selection(np.array(3), "[0]")


@hypothesis.given(st.lists(st.integers(0, 6), min_size=1, max_size=3), st.data())
def test_every_slice_of_every_shape_is_what_numpy_gives(shape: list[int], data: st.DataObject) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    texts, key = [], []
    for length in shape:
        start = data.draw(st.integers(0, length))
        stop = data.draw(st.integers(0, length))
        step = data.draw(st.integers(1, 4))
        texts.append(f"{start}:{stop}:{step}")
        key.append(slice(start, stop, step))
    assert read_selection(array, f"[{','.join(texts)}]").tolist() == array[tuple(key)].tolist()


def test_points_are_elements_one_by_one() -> None:
    assert read_points(IMAGE, np.array([[0, 1], [29, 39]], "u8")).tolist() == [1, 1199]
    with pytest.raises(SelectionError, match=r"point \[30, 0\] is outside of the shape \(30, 40\)"):
        read_points(IMAGE, np.array([[30, 0]], "u8"))
    with pytest.raises(SelectionError, match="are rows of 2 numbers"):
        read_points(IMAGE, np.array([[1, 2, 3]]))


class Watched:
    """Remembers what was read of it."""

    shape = (1000, 1000)
    dtype = np.dtype("f8")

    def __init__(self) -> None:
        self.read: list[Any] = []

    def __getitem__(self, key: Any) -> Any:
        self.read.append(key)
        return np.zeros((2, 3))


def test_only_what_is_selected_is_read() -> None:
    watched = Watched()
    read_selection(watched, "[2:4,0:3]")
    assert watched.read == [(slice(2, 4, None), slice(0, 3, None))]

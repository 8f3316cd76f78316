"""The publish dictionary as groups, datasets and attributes."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import pathlib
import threading
from typing import Any, NamedTuple

import hypothesis
import hypothesis.extra.numpy as numpy_strategies
import hypothesis.strategies as st
import msgspec
import numpy as np
import numpy.typing as npt
import pydantic
import pytest

from beamloom.results.arrays import TEXT, element_kind
from beamloom.results.tree import Dataset, Group, tree_of


class Element(enum.Enum):
    FE = "iron"


@dataclasses.dataclass
class Peak:
    channel: int
    area: float


class Header(pydantic.BaseModel):
    frame: int


class Reading(msgspec.Struct):
    value: float


class Point(NamedTuple):
    x: float
    y: float


def dataset(value: Any) -> Dataset:
    node = tree_of({"x": value}).children["x"]
    assert isinstance(node, Dataset)
    return node


def array(value: Any) -> npt.NDArray[Any]:
    values = dataset(value).values
    assert values is not None
    whole = np.asarray(values[...])
    assert whole.shape == values.shape
    assert whole.dtype == values.dtype
    return whole


def group(value: Any) -> Group:
    node = tree_of({"x": value}).children["x"]
    assert isinstance(node, Group)
    return node


def text_of(node: Any) -> str:
    assert isinstance(node, Dataset)
    assert node.values is not None
    return str(np.asarray(node.values[...]).item())


NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (True, "?", True),
        (3, "i8", 3),
        (2**63, "u8", 2**63),
        (2**70, TEXT, str(2**70)),
        (1.5, "f8", 1.5),
        (1 + 2j, "c16", 1 + 2j),
        ("é", TEXT, "é"),
        ("a\0b", TEXT, "a\\x00b"),
        ("\ud800", TEXT, "\\ud800"),
        (b"abc", "S3", b"abc"),
        (b"", "S1", b""),
        (b"\xff\x00", "u1", [255, 0]),
        (Element.FE, TEXT, "iron"),
        (pathlib.PurePosixPath("/data/x.h5"), TEXT, "/data/x.h5"),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), TEXT, "2026-01-02T00:00:00+00:00"),
        (dt.timedelta(milliseconds=1500), "f8", 1.5),
        (np.float16(1.5), "f2", 1.5),
        (np.bool_(True), "?", True),
        (np.str_("x"), TEXT, "x"),
        (np.arange(4, dtype=">i2").reshape(2, 2), ">i2", [[0, 1], [2, 3]]),
        (np.array([1.5], "g"), "f8", [1.5]),
        (np.array([1 + 2j], "G"), "c16", [1 + 2j]),
        (np.array(["a", "bc"]), TEXT, ["a", "bc"]),
        (np.array([b"ab", b"\xc3\xa9"]), "S2", [b"ab", "é".encode()]),
        (np.array(["a", 1, None], object), TEXT, ["a", "1", ""]),
        (np.ma.masked_array([1.5, 2], [True, False]), "f8", [NAN, 2]),
        (np.zeros((0, 3)), "f8", np.zeros((0, 3))),
        ([], "f8", []),
        ([True, False], "?", [True, False]),
        ([1, 2.5, None], "f8", [1, 2.5, NAN]),
        ([None, None], "f8", [NAN, NAN]),
        ((1, 2), "i8", [1, 2]),
        ({3, 1}, "i8", [1, 3]),
        (range(3), "i8", [0, 1, 2]),
        (collections.deque([1.5]), "f8", [1.5]),
        (["a", "b"], TEXT, ["a", "b"]),
        ([["a", "b"], ["c", "d"]], TEXT, [["a", "b"], ["c", "d"]]),
        (["a", 1, True], TEXT, ["a", "1", "true"]),
        ([np.zeros(2, "u2"), np.ones(2, "u2")], "u2", [[0, 0], [1, 1]]),
        ([np.zeros(1, "f4"), None], "f8", [[0], [NAN]]),
        ([np.float32(1), np.float32(2)], "f4", [1, 2]),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_value_is_a_dataset_of_its_own_type(value: Any, dtype: Any, expected: Any) -> None:
    result = array(value)
    assert result.dtype == np.dtype(dtype)
    assert element_kind(result.dtype) == element_kind(np.dtype(dtype))
    np.testing.assert_array_equal(result, np.array(expected, dtype))


def test_lists_of_different_lengths_are_an_array_of_arrays() -> None:
    ragged = array([[1, 2], [3.5], None, []])
    assert element_kind(ragged.dtype) == np.float64
    assert [row.tolist() for row in ragged] == [[1.0, 2.0], [3.5], [], []]


def test_a_list_of_things_of_different_shapes_is_a_group() -> None:
    images = group([np.zeros((2, 2)), np.ones((3, 3)), {"a": 1}, "text"])
    assert list(images.children) == ["0", "1", "2", "3"]
    assert isinstance(images.children["2"], Group)


def test_times_are_integers_with_their_unit() -> None:
    moments = dataset(np.array(["2026-01-02T03:04:05", "NaT"], "M8[ms]"))
    assert moments.values is not None
    assert moments.values[0].item() == 1767323045000
    assert moments.values[1].item() == np.iinfo(np.int64).min
    assert text_of(Dataset(moments.attributes["units"])) == "ms since 1970-01-01T00:00:00"
    assert text_of(Dataset(dataset(np.timedelta64(15, "ns")).attributes["units"])) == "ns"
    assert dataset(np.timedelta64(15)).attributes == {}
    assert array([np.timedelta64(1, "s"), np.timedelta64(2, "s")]).tolist() == [1, 2]


def test_records_keep_their_fields_without_gaps() -> None:
    inner = np.dtype([("t", "M8[s]"), ("v", ">f4", (2,))])
    source = np.zeros(3, np.dtype([("n", "i2"), ("name", "U3"), ("inner", inner), ("c", "c8")], align=True))
    source["name"] = ["a", "éé", "xyz"]
    source["inner"]["v"] = [[1, 2], [3, 4], [5, 6]]
    result = array(source)
    assert result.dtype.itemsize == 2 + 12 + 8 + 8 + 8
    assert result["name"].tolist() == [b"a", "éé".encode(), b"xyz"]
    assert result["inner"]["v"].tolist() == [[1, 2], [3, 4], [5, 6]]
    attributes = dataset(np.zeros(1, [("t", "m8[s]"), ("n", int)])).attributes
    assert text_of(Dataset(attributes["t_units"])) == "s"


def test_none_is_a_dataset_without_a_value() -> None:
    assert dataset(None).values is None


def test_attributes_are_those_of_the_neighbour_and_of_the_group_itself() -> None:
    tree = tree_of(
        {
            "map": {
                "y": np.arange(3),
                "y_attrs": {"units": "mm", "n": 1},
                "_attrs": {"NX_class": "NXdata", "a": 1},
            },
            "map_attrs": {
                "signal": "y",
                "a": 2,
                "axes": ["x"],
                "when": np.datetime64("2026-01-02"),
                "d": {"k": 1},
                "none": None,
            },
            "_attrs": {"default": "map"},
            "alone_attrs": {"a": 1},
            "text_attrs": "not a dictionary",
        }
    )
    assert list(tree.children) == ["map", "alone_attrs", "text_attrs"]
    assert text_of(Dataset(tree.attributes["default"])) == "map"
    map_group = tree.children["map"]
    assert isinstance(map_group, Group)
    assert list(map_group.children) == ["y"]
    assert list(map_group.attributes) == ["NX_class", "a", "signal", "axes", "when", "d", "none"]
    shown = {
        name: None if value is None else np.asarray(value[...]).tolist()
        for name, value in map_group.attributes.items()
    }
    assert shown == {
        "NX_class": "NXdata", "a": 2, "signal": "y", "axes": ["x"], "when": "2026-01-02", "d": "{'k': 1}", "none": None,
    }  # fmt: skip
    y = tree.at("map/y")
    assert isinstance(y, Dataset)
    assert list(y.attributes) == ["units", "n"]
    assert tree.at("map/z") is None
    assert tree.at("map/y/z") is None
    assert tree.at("") is tree


@pytest.mark.parametrize(
    ("mapping", "columns"),
    [
        ({(0.5, 1): 10, (1.5, 2): 11}, {"key_0": [0.5, 1.5], "key_1": [1, 2], "value": [10, 11]}),
        ({3: 1.5, 1: 2.5}, {"key_0": [3, 1], "value": [1.5, 2.5]}),
        ({0: {"a": 1, "b": "x"}, 1: {"a": 2, "b": "y"}}, {"key_0": [0, 1], "a": [1, 2], "b": ["x", "y"]}),
        ({0: {"a": 1}, 1: {"b": 2}}, {"key_0": [0, 1], "a": [1, NAN], "b": [NAN, 2]}),
        ({0: {"key_0": 7}}, {"key_0": [0], "value_key_0": [7]}),
        ({0: (1, "x"), 1: (2, "y")}, {"key_0": [0, 1], "value_0": [1, 2], "value_1": ["x", "y"]}),
        ({0: Peak(1, 0.5)}, {"key_0": [0], "channel": [1], "area": [0.5]}),
        ({0: Point(1.5, 2.5)}, {"key_0": [0], "x": [1.5], "y": [2.5]}),
        ({0: np.zeros(2), 1: np.ones(2)}, {"key_0": [0, 1], "value": [[0, 0], [1, 1]]}),
        ({0: np.zeros(1, [("a", "i4")])[0]}, {"key_0": [0], "a": [0]}),
        ({("fe", 1): 2}, {"key_0": ["fe"], "key_1": [1], "value": [2]}),
    ],
    ids=str,
)  # fmt: skip
def test_a_dictionary_keyed_by_positions_is_columns(mapping: Any, columns: dict[str, Any]) -> None:
    result = group(mapping)
    assert list(result.children) == list(columns)
    for name, expected in columns.items():
        node = result.children[name]
        assert isinstance(node, Dataset)
        assert node.values is not None
        np.testing.assert_array_equal(np.asarray(node.values[...]), np.array(expected))


def test_columns_of_a_map_are_something_to_plot_unless_the_reducer_says_what() -> None:
    tree = tree_of(
        {"map": {(0, 0): 1.5, (0, 1): 2.5}, "map_attrs": {"signal": "key_0"}, "spectra": {0: np.zeros(3)}}
    )
    map_group, spectra = tree.children["map"], tree.children["spectra"]
    shown = {
        name: np.asarray(value[...]).tolist()
        for name, value in map_group.attributes.items()
        if value is not None
    }
    assert shown == {"NX_class": "NXdata", "signal": "key_0", "axes": ["key_0", "key_1"]}
    assert spectra.attributes == {}


def test_keys_of_different_kinds_are_names() -> None:
    mixed = group({1: "a", (1.0, 2): "b", None: "c", "1": "d", "a/b": "e", "": "f", ".": "g", "x\0": "h"})
    assert list(mixed.children) == ["1", "1.0,2", "null", "1~2", "a%2Fb", "%00", "%2E", "x%00"]


@pytest.mark.parametrize("value", [Peak(1, 2.5), Header(frame=1), Reading(1.5), Point(1.0, 2.0)], ids=str)
def test_records_of_the_analysis_are_groups(value: Any) -> None:
    names = {Peak: ["channel", "area"], Header: ["frame"], Reading: ["value"], Point: ["x", "y"]}
    assert list(group(value).children) == names[type(value)]


class Failing:
    @property
    def __array__(self) -> Any:
        raise ZeroDivisionError("of the analysis")


def test_what_cannot_be_held_says_so_in_its_place() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    tree = tree_of(
        {
            "lock": threading.Lock(),
            "lock_attrs": {"bad": threading.Lock()},
            "failing": Failing(),
            "endless": endless,
            "void": np.zeros(2, "V0"),
            "good": 1,
        }
    )
    assert text_of(tree.children["lock"]) == (
        "This cannot be shown: it is a _thread.lock. Publish arrays, numbers, text, lists or dictionaries of these."
    )
    assert "cannot be shown" in text_of(Dataset(tree.children["lock"].attributes["bad"]))
    assert "it cannot be read (ZeroDivisionError: of the analysis)" in text_of(tree.children["failing"])
    deepest = tree.children["endless"]
    while isinstance(deepest, Group):
        deepest = deepest.children["again"]
    assert "contains itself" in text_of(deepest)
    assert "data type |V0" in text_of(tree.children["void"])
    assert array(1) == 1


class OnlyParts:
    """An array that may be read in parts and never as a whole."""

    shape = (10**9, 4)
    dtype = np.dtype("f8")

    def __getitem__(self, key: Any) -> Any:
        assert key == slice(5, 7)
        return np.full((2, 4), 5.0)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise AssertionError("copied as a whole")


def test_an_array_that_reads_parts_is_not_copied_as_a_whole() -> None:
    large = OnlyParts()
    node = dataset(large)
    assert node.values is large
    image = np.zeros((4, 4))
    assert dataset(image).values is image


def test_only_the_part_that_is_read_is_converted() -> None:
    read: list[Any] = []

    class Names:
        shape = (10**9,)
        dtype = np.dtype("U3")

        def __getitem__(self, key: Any) -> Any:
            read.append(key)
            return np.array(["a", "b"])

    values = dataset(Names()).values
    assert values is not None
    assert values.shape == (10**9,)
    assert read == []
    assert values[3:5].tolist() == ["a", "b"]
    assert read == [slice(3, 5)]


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3), st.complex_numbers(),
    st.datetimes(), st.timedeltas(), st.builds(object),
    numpy_strategies.arrays(
        st.one_of(numpy_strategies.scalar_dtypes(), numpy_strategies.array_dtypes(), numpy_strategies.nested_dtypes()),
        numpy_strategies.array_shapes(min_dims=0, min_side=0, max_side=3, max_dims=2),
    ),
)  # fmt: skip
KEYS = st.one_of(
    st.text(max_size=3), st.integers(), st.floats(), st.tuples(st.integers(), st.floats()), st.none()
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


@hypothesis.given(st.dictionaries(KEYS, VALUES, max_size=4))
@hypothesis.settings(max_examples=200)
def test_every_tree_can_be_read_to_its_last_element(publish: dict[Any, Any]) -> None:
    def visit(node: Any) -> None:
        for value in node.attributes.values():
            assert value is None or np.asarray(value[...]).shape == value.shape
        if isinstance(node, Group):
            assert all("/" not in name and name for name in node.children)
            for child in node.children.values():
                visit(child)
        elif node.values is not None:
            whole = np.asarray(node.values[...])
            assert whole.shape == node.values.shape
            assert whole.dtype == node.values.dtype

    visit(tree_of(publish))

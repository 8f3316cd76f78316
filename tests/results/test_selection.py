"""Selecting from a publish tree that is not JSON."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpath_rfc9535 import find

from beamloom.results.selection import NothingSelected, SelectionError, select

IMAGE = np.arange(2 * 10 * 5).reshape(2, 10, 5)
TREE: dict[str, Any] = {
    "map": {(1.0, 2.0): np.int64(7), (1.0, 3.0): np.int64(8)},
    "map_attrs": {"NX_class": "NXdata"},
    "image": IMAGE,
    "roi": {"sum": [1.5, 2.5, 3.5], "mean": (10, 20), "counts": np.array([4, 5, 6])},
    "spectra": [{"name": "a", "y": 1}, {"name": "b", "y": 2}],
    "by number": {3: "three", "4": "four"},
    "empty": {},
    "nothing": None,
}


@pytest.mark.parametrize(
    ("path", "matches"),
    [
        ("$.map_attrs.NX_class", ["NXdata"]),
        ("map_attrs.NX_class", ["NXdata"]),
        ("['map_attrs']['NX_class']", ["NXdata"]),
        ("$.roi.sum[1]", [2.5]),
        ("$.roi.sum[-1]", [3.5]),
        ("$.roi.mean[1]", [20]),
        ("$.roi.mean[:]", [10, 20]),
        ("$.roi.counts[0]", [4]),
        ("$.roi.counts[::2]", [4, 6]),
        ("$.spectra[*].y", [1, 2]),
        ("$.spectra[?@.name=='b'].y", [2]),
        ("$.spectra[?@.y > $.spectra[0].y].name", ["b"]),
        ("$..name", ["a", "b"]),
        ("..y", [1, 2]),
        ("$['roi']['sum', 'mean'][0]", [1.5, 10]),
        ("$.map['1.0,2.0']", [7]),
        ("$.map.*", [7, 8]),
        ("$['by number'][3]", ["three"]),
        ("$['by number']['3']", ["three"]),
        ("$['by number']['4']", ["four"]),
        ("$.nothing", [None]),
        ("$.empty", [{}]),
    ],
)
def test_a_path_selects_what_it_says(path: str, matches: list[Any]) -> None:
    assert select(TREE, path) == matches


@pytest.mark.parametrize("path", ["", " ", "$"])
def test_an_empty_path_is_the_tree_itself(path: str) -> None:
    assert select(TREE, path)[0] is TREE


@pytest.mark.parametrize(
    ("spelling", "index"),
    [
        (":,4:8,3", np.s_[:, 4:8, 3]),
        ("...,0", np.s_[..., 0]),
        ("1", np.s_[1]),
        ("-1,::-1", np.s_[-1, ::-1]),
        ("0, 1 , -5:-1:2", np.s_[0, 1, -5:-1:2]),
        (":", np.s_[:]),
        ("...", np.s_[...]),
        ("0,0,0", np.s_[0, 0, 0]),
    ],
)
def test_a_slice_is_numpys_in_both_spellings(spelling: str, index: Any) -> None:
    for selected in (
        select(TREE, f"$.image.`numpy({spelling})`"),
        select(TREE, f"image.`numpy({spelling})`"),
        select(TREE, "$.image", spelling),
    ):
        assert len(selected) == 1
        assert np.array_equal(selected[0], IMAGE[index])
        assert np.shape(selected[0]) == np.shape(IMAGE[index])


def test_a_slice_is_a_view_of_the_array_in_the_tree() -> None:
    assert np.shares_memory(select(TREE, "$.image", "0,2:4")[0], IMAGE)


def test_a_list_of_numbers_can_be_sliced() -> None:
    assert select(TREE, "$.roi.sum", "1:")[0].tolist() == [2.5, 3.5]


def test_of_several_matches_those_are_sliced_that_can_be() -> None:
    selected = select(TREE, "$.*", "0,0,:2")
    assert [array.tolist() for array in selected] == [[0, 1]]


@pytest.mark.parametrize(
    ("path", "slice_text", "sentence"),
    [
        ("$.roi[", None, "is malformed"),
        ("$.my-roi", None, "a name with other characters than letters, digits and _ like \\$\\['my name'\\]"),
        ("$.a/b", None, "is malformed"),
        (
            "$.image",
            "0,0,0,0",
            "the slice does not fit \\$.image, an array of shape \\(2, 10, 5\\) \\(too many",
        ),
        ("$.image", "5", "does not fit"),
        ("$.map_attrs.NX_class", "0", "does not fit \\$.map_attrs.NX_class, a str"),
        ("$.roi.`numpy(0)`", None, "does not fit \\$.roi, a dictionary of 3 keys"),
        ("$.image", "", "the slice '' is malformed"),
        ("$.image", "a", "the slice 'a' is malformed"),
        ("$.image", "1:2:3:4", "is malformed"),
        ("$.image", "::0", "is malformed"),
        ("$.image", "...,...", "does not fit"),
        ("$.image.`numpy(0)`", "0", "the slice is given twice"),
        ("$.image.`shape()`", None, "is malformed"),
        ("$.roi[?@ == $.image]", None, "a filter compares numbers and texts, not arrays"),
        ("$[?nosuch(@.a)]", None, "is malformed"),
        ("$[99999999999999999999]", None, "is malformed"),
    ],
)
def test_a_path_or_slice_that_is_wrong_is_a_sentence(
    path: str, slice_text: str | None, sentence: str
) -> None:
    with pytest.raises(SelectionError, match=sentence) as caught:
        select(TREE, path, slice_text)
    assert not isinstance(caught.value, NothingSelected)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("$.roi.summ", r"\$.roi has no 'summ' \(did you mean 'sum'\?\); it has sum, mean, counts."),
        ("$.map['1.0,4.0']", r"\$.map has no '1.0,4.0'.*; it has 1.0,2.0, 1.0,3.0."),
        ("$.roi.sum[7]", r"\$.roi.sum is a list of 3 elements and has no \[7\]"),
        ("$.image.x", r"\$.image is an array of shape \(2, 10, 5\) and has no 'x'"),
        ("$.empty.x", r"\$.empty is empty and has no 'x'; ask again once there are results"),
        ("$.spectra[0].z.deeper", r"\$.spectra\[0\] has no 'z'; it has name, y."),
        ("$['by number'].a", r"\$\['by number'\] has no 'a'"),
        ("$.map_attrs.NX_class.x", "is a str and has no 'x'"),
    ],
)
def test_where_nothing_is_selected_the_sentence_says_what_is_there(path: str, sentence: str) -> None:
    with pytest.raises(NothingSelected, match=sentence):
        select(TREE, path)


def test_of_very_many_keys_only_some_are_named() -> None:
    with pytest.raises(NothingSelected, match=r"it has 0, 1, .*, 19 and 980 more\."):
        select({"map": dict.fromkeys(range(1000), 0)}, "$.map.x")


def test_mappings_other_than_dict_are_selected_from() -> None:
    assert select({"a": collections.UserDict({"b": 1})}, "$.a.b") == [1]


def test_a_tree_that_contains_itself_is_told() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(SelectionError, match="nested more than 100 deep"):
        select(endless, "$..x")


leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2)
trees = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        ),
    ),
)
steps = st.sampled_from(
    [
        ".a",
        ".b",
        "[0]",
        "[-1]",
        "[1:]",
        "[::-1]",
        "[*]",
        "..a",
        "..*",
        "['a', 'b']",
        "[?@.a]",
        "[?@ > 0]",
        "[?length(@) > 1]",
    ]
)


@given(tree=trees, path=st.lists(steps, max_size=4).map("".join))
def test_on_plain_json_the_matches_are_those_of_the_rfc(tree: dict[str, Any], path: str) -> None:
    expected = find("$" + path, tree).values()
    try:
        assert select(tree, "$" + path) == expected
    except NothingSelected:
        assert expected == []

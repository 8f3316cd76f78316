"""Copies of a publish tree: later changes do not reach them, and what has not changed is the same object again."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from collections import deque
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from beamloom.results import Append, Latest, Table, Waterfall
from beamloom.results.sharing import Sharer, TooDeep, may_change
from beamloom.results.versions import Versions, newer_versions, versions_of


@dataclasses.dataclass
class Fit:
    centre: float
    counts: list[int]


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    counts: list[int]


class Model(pydantic.BaseModel):
    counts: list[int]


class Record(msgspec.Struct):
    counts: list[int]


class FrozenRecord(msgspec.Struct, frozen=True):
    counts: list[int]


class Profile(NamedTuple):
    peak: float
    counts: Any


PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=2)
DTYPES: list[np.dtype[Any]] = [np.dtype("f8"), np.dtype(">i2"), np.dtype([("a", "i1"), ("b", "f4")])]
LEAVES: st.SearchStrategy[Any] = (
    PLAIN
    | st.binary(max_size=3)
    | st.one_of([arrays.arrays(dtype, (2,)) for dtype in DTYPES])
    | st.builds(Fit, st.floats(), st.lists(st.integers(0, 3), max_size=2))
)
TREES = st.dictionaries(
    st.text("abc", min_size=1, max_size=2),
    st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text("ab", min_size=1, max_size=1), inner, max_size=3)
            | st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 2)), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


@given(TREES)
def test_a_copy_of_an_unchanged_tree_is_the_copy_made_before(tree: dict[str, Any]) -> None:
    sharer = Sharer()
    first = sharer.copy(tree)
    assert sharer.copy(copy.deepcopy(tree), first) is first


@given(TREES, TREES)
def test_a_copy_holds_what_the_tree_holds_whatever_was_there_before(
    before: dict[str, Any], tree: dict[str, Any]
) -> None:
    sharer = Sharer()
    known = sharer.copy(before)
    kept = pickle.dumps(known)
    copied = sharer.copy(tree, known)
    assert pickle.loads(pickle.dumps(copied)).keys() == tree.keys()
    assert repr(copied) == repr(tree)
    assert pickle.dumps(known) == kept


def test_a_part_that_changed_is_new_and_all_others_are_shared() -> None:
    tree: dict[str, Any] = {
        "a": {"x": np.zeros(3), "y": [1]},
        "b": {"z": 1},
        "c": {(0, 1): {"roi": 1}, (0, 2): {"roi": 2}},
    }
    sharer = Sharer()
    first = sharer.copy(tree)
    tree["a"]["x"][1] = 5
    tree["c"][0, 2]["roi"] = 3
    second = sharer.copy(tree, first)
    assert first["a"]["x"].tolist() == [0, 0, 0]
    assert second["a"]["x"].tolist() == [0, 5, 0]
    assert second["a"]["y"] is first["a"]["y"]
    assert second["b"] is first["b"]
    assert second["c"][0, 1] is first["c"][0, 1]
    assert (first["c"][0, 2], second["c"][0, 2]) == ({"roi": 2}, {"roi": 3})


@pytest.mark.parametrize(
    "kind", [lambda c: Fit(1.0, c), Frozen, lambda c: Model.model_construct(counts=c), Record, FrozenRecord]
)
def test_records_are_copied_field_by_field(kind: Any) -> None:
    counts = [1]
    sharer = Sharer()
    first = sharer.copy({"r": kind(counts)})
    assert sharer.copy({"r": kind(counts)}, first) is first
    counts.append(2)
    second = sharer.copy({"r": kind(counts)}, first)
    assert type(second["r"]) is type(first["r"])
    assert (first["r"].counts, second["r"].counts) == ([1], [1, 2])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, 1.0),
        (1, True),
        ([1], [1.0]),
        ({"a": 1}, {"a": True}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({(0, 1): 1}, {(0, 1): 1.0}),
        (np.float32(1), np.float64(1)),
        (np.zeros(2), np.zeros(2, ">f8")),
        (np.zeros(2), np.zeros((2, 1))),
        (np.array([0.0]), np.array([-0.0])),
        ([1], (1,)),
        ({1}, frozenset({1})),
        (deque([1], 2), deque([1], 3)),
    ],
)
def test_what_is_equal_but_not_the_same_is_a_change(before: Any, after: Any) -> None:
    sharer = Sharer()
    first = sharer.copy({"x": before})
    second = sharer.copy({"x": after}, first)
    assert second is not first
    assert repr(second["x"]) == repr(after)


def test_arrays_of_every_layout_are_compared_by_their_bytes() -> None:
    whole = np.arange(200_000.0)
    for array in (
        whole,
        whole[::2],
        whole.reshape(400, 500).T,
        np.array(["a", "bé"]),
        np.array([1, "a"], object),
    ):
        sharer = Sharer()
        first = sharer.copy({"x": array})
        assert sharer.copy({"x": array.copy()}, first) is first
    whole[-1] = np.nan
    changed = sharer.copy({"x": whole}, first)
    assert sharer.copy({"x": whole}, changed) is changed
    with pytest.raises(ValueError, match="read-only"):
        changed["x"][0] = 1


def test_an_object_of_which_nothing_is_known_is_shared_and_counts_as_changed_each_time() -> None:
    lock = threading.Lock()
    tree = {"lock": lock, "n": 1}
    sharer = Sharer()
    first = sharer.copy(tree)
    second = sharer.copy(tree, first)
    assert second is not first
    assert second["lock"] is lock
    assert may_change(lock)
    known = newer_versions(versions_of(first, 1, 0.0), first, second, 2, 1.0)
    assert known.since(1) == ["$.lock"]


def test_a_result_type_that_has_not_changed_is_not_asked_again_and_shares_its_parts_if_it_has() -> None:
    tree: dict[str, Any] = {"w": Waterfall(x=[0.0, 1.0]), "t": Table(), "a": Append(), "l": Latest(every=10)}
    for name, value in (("w", [1, 2]), ("t", {"x": 1}), ("a", 1.0), ("l", 5)):
        tree[name].add(0, value)
    sharer = Sharer()
    first = sharer.copy(tree)
    assert sharer.copy(tree, first) is first
    tree["w"].add(1, [3, 4])
    tree["l"].add(1, 6)
    second = sharer.copy(tree, first)
    assert second["t"] is first["t"]
    assert second["a"] is first["a"]
    assert second["w"]["x"] is first["w"]["x"]
    assert second["l"]["value"] is first["l"]["value"]
    known = newer_versions(versions_of(first, 1, 0.0), first, second, 2, 1.0)
    assert known.since(1) == ["$.w.data", "$.w.event", "$.w.coverage", "$.l.coverage"]


def test_a_tree_that_contains_itself_is_refused_with_a_sentence() -> None:
    tree: dict[str, Any] = {}
    tree["self"] = tree
    with pytest.raises(TooDeep, match="or contains itself"):
        Sharer().copy(tree)


# ---- versions ---------------------------------------------------------------------------------------------------------------


def _paths(known: Versions, prefix: str = "$") -> dict[str, int]:
    found = {prefix: known.version}
    for step, part in known.parts.items():
        found |= _paths(part, prefix + step)
    return found


@given(st.lists(TREES, min_size=2, max_size=5))
def test_versions_say_of_each_part_when_it_last_was_another(trees: list[dict[str, Any]]) -> None:
    sharer = Sharer()
    copies = [sharer.copy(trees[0])]
    known = versions_of(copies[0], 1, 1.0)
    for version, tree in enumerate(trees[1:], start=2):
        copies.append(sharer.copy(tree, copies[-1]))
        known = newer_versions(known, copies[-2], copies[-1], version, float(version))
    for since in range(1, len(trees) + 1):
        changed = known.since(since)
        assert (changed == []) == (copies[-1] is copies[since - 1])
        for name in copies[-1].keys() & copies[since - 1].keys():
            if repr(copies[-1][name]) != repr(copies[since - 1][name]):
                assert any(path == "$" or path.startswith(f"$.{name}") for path in changed)


def test_a_part_that_is_gone_or_moved_is_a_change_of_what_it_was_in() -> None:
    first = {"a": {"x": 1, "y": 2}, "b": 1}
    known = versions_of(first, 1, 0.0)
    assert newer_versions(known, first, {"a": {"x": 1}, "b": first["b"]}, 2, 1.0).since(1) == ["$.a"]
    assert newer_versions(known, first, {"b": 1, "a": first["a"]}, 2, 1.0).since(1) == ["$"]
    added = newer_versions(known, first, {"a": first["a"], "b": 1, "my c": 3}, 2, 1.0)
    assert added.since(1) == ["$['my c']"]
    assert _paths(added) == {"$": 2, "$.a": 1, "$.a.x": 1, "$.a.y": 1, "$.b": 1, "$['my c']": 2}
    assert added.of((".a", ".x", "[3]")).version == 1
    assert added.of((".a",)).since(0, (".a",)) == ["$.a"]


OTHERS: list[Any] = [None, 1, "a", np.zeros(3), [1, 2], {"b": 1}, np.float64(2)]


@pytest.mark.parametrize("before", OTHERS, ids=repr)
@pytest.mark.parametrize("now", OTHERS, ids=repr)
def test_a_value_that_becomes_another_kind_of_thing_is_seen(before: Any, now: Any) -> None:
    sharer = Sharer()
    for wrap in (
        lambda one: {"a": one},
        lambda one: [one],
        lambda one: (one,),
        lambda one: {"in": {"a": one, "n": 1}},
    ):
        first = sharer.copy(wrap(before))
        second = sharer.copy(wrap(now), first)
        assert repr(second) == repr(wrap(now))
        assert (second is first) == (before is now)


def test_what_a_named_tuple_holds_is_copied_and_its_changes_are_seen() -> None:
    counts = np.zeros(3)
    tree = {"profile": Profile(1.0, counts), "shape": Profile(1.0, "all")}
    sharer = Sharer()
    first = sharer.copy(tree)
    assert sharer.copy(tree, first) is first
    counts[1] = 5
    second = sharer.copy(tree, first)
    assert second["profile"] is not first["profile"]
    assert second["shape"] is first["shape"]
    assert type(second["profile"]) is Profile
    assert (first["profile"].counts[1], second["profile"].counts[1]) == (0, 5)

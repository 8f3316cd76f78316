"""However results are dealt out to leaves, the joined tree is that of one reducer, bit for bit; what nobody can join is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.results.joining import NotJoinable, check_start, join_trees
from beamloom.results.types import Append, Histogram, Latest, Sum
from beamloom.services.reducer.states import decode_state, encode_state


def at_start() -> dict[str, Any]:
    return {
        "title": "a scan",
        "energy": np.linspace(0, 1, 5),
        "map_attrs": {"NX_class": "NXdata", "signal": "sum"},
        "map": {"sum": Sum(units="counts"), "rows": Append(fill=0)},
        "shown": Latest(),
        "by_key": {},
    }


def reduce(tree: dict[str, Any], event: int, value: int) -> None:
    tree["map"]["sum"].add(event, np.full(3, value))
    tree["map"]["rows"].add(event, value)
    tree["shown"].add(event, value)
    tree["by_key"][f"point {event}"] = {"value": float(value)}
    tree["histogram"] = tree.get("histogram", Histogram(np.arange(0.0, 101.0, 10.0))).add(event, value)


def bytes_of(value: Any) -> Any:
    """Something that is equal where two trees hold the same bits."""
    if isinstance(value, dict):
        return {name: bytes_of(one) for name, one in sorted(value.items(), key=lambda item: str(item[0]))}
    if hasattr(value, "snapshot"):
        return bytes_of(dict(value.snapshot()))
    array = np.asarray(value)
    return array.dtype.str, array.shape, array.tobytes()


def travelled(tree: dict[str, Any]) -> dict[str, Any]:
    encoded = encode_state(tree).detached()
    copied: dict[str, Any] = decode_state(encoded.head, [bytes(one) for one in encoded.buffers], [])
    return copied


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99)), max_size=40), st.randoms())
def test_any_split_of_any_results_joins_to_what_one_reducer_has(
    dealt: Sequence[tuple[int, int]], random: Any
) -> None:
    one, leaves = at_start(), [at_start() for _ in range(4)]
    order = list(enumerate(dealt))
    random.shuffle(order)
    for event, (leaf, value) in order:
        reduce(leaves[leaf], event, value)
    for event, (_, value) in enumerate(dealt):
        reduce(one, event, value)
    joined = join_trees([travelled(leaf) for leaf in leaves], travelled(at_start()))
    assert bytes_of(joined) == bytes_of(one)


@pytest.mark.parametrize(
    ("start", "parts", "named"),
    [
        ({"n": 0}, [{"n": 5}, {"n": 5}], "publish['n']"),
        ({"n": 0}, [{"n": 5}, {"n": 0}], "publish['n']"),
        ({}, [{"n": 5}, {"n": 5}], "publish['n']"),
        (
            {"g": {"a": np.zeros(3)}},
            [{"g": {"a": np.zeros(3)}}, {"g": {"a": np.ones(3)}}],
            "publish['g']['a']",
        ),
        ({}, [{"x": Sum()}, {"x": Append()}], "publish['x']"),
        ({}, [{"x": Sum()}, {"x": {}}], "publish['x']"),
        ({}, [{"rows": [1]}, {"rows": [2]}], "publish['rows']"),
        ({}, [{"unit": "mm"}, {"unit": "um"}], "publish['unit']"),
    ],
)
def test_what_nobody_can_join_is_refused_by_its_name(
    start: dict[str, Any], parts: list[dict[str, Any]], named: str
) -> None:
    with pytest.raises(NotJoinable) as refused:
        join_trees(parts, start)
    assert named in str(refused.value)


def test_texts_and_attributes_may_come_later_where_all_say_the_same() -> None:
    part = {"unit": "mm", "x": {}, "x_attrs": {"n": 3, "axes": ["a", "b"]}}
    assert join_trees([part, {}, dict(part)], {}) == part


def test_keys_that_only_one_part_has_are_taken() -> None:
    assert join_trees([{"a": {1: 2.0}}, {"a": {2: 3.0}}], {"a": {}}) == {"a": {1: 2.0, 2: 3.0}}


def test_a_constant_may_hold_nan_and_objects() -> None:
    start = {
        "a": np.array([np.nan, 1.0]),
        "b": float("nan"),
        "c": np.array([None, "x"], dtype=object),
        "d": [1, 2],
    }
    joined = join_trees([dict(start), dict(start)], dict(start))
    assert list(joined) == list(start)


@pytest.mark.parametrize("tree", [{"n": 0, "image": np.zeros(3)}, {"a_attrs": {}, "a": {"b": 1}}])
def test_a_class_of_which_nothing_could_be_joined_is_refused_before_the_run(tree: dict[str, Any]) -> None:
    with pytest.raises(NotJoinable, match="nothing that it publishes can be joined"):
        check_start(tree)


@pytest.mark.parametrize("tree", [{}, {"g": {}}, {"g": {"h": {"s": Sum()}}}])
def test_what_may_still_grow_is_not_refused_before_the_run(tree: dict[str, Any]) -> None:
    check_start(tree)

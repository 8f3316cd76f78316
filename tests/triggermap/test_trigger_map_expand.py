"""A name that stands for several streams is replaced by them, whatever the map."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.triggermap import TriggerMap, TriggerMapError, expand, open_ended, uniform
from triggermap.map_strategies import STREAMS, Json, bodies, tables_of

names = st.dictionaries(
    st.sampled_from(STREAMS),
    st.lists(st.sampled_from(["m0", "m1", "m2"]), min_size=1, unique=True),
    max_size=1,
)


def naively(body: Json, names: dict[str, list[str]]) -> Json:
    """The body with every column of a name written once for each of its streams."""
    expanded = copy.deepcopy(body)
    for part, table in tables_of(body).items():
        columns: dict[str, Any] = {}
        for stream, cells in table.items():
            for one in names.get(stream, [stream]):
                columns[one] = cells
        expanded["parts"][part] = columns
    return expanded


@given(bodies(), names, st.booleans())
def test_it_is_the_map_that_names_the_streams_itself(
    body: Json, names: dict[str, list[str]], wrap: bool
) -> None:
    expanded = expand(TriggerMap.from_json(body, all_wrap=wrap), names)
    plain = TriggerMap.from_json(naively(body, names), all_wrap=wrap)
    assert expanded.to_json() == plain.to_json()
    assert (expanded.streams, expanded.wrapped) == (plain.streams, plain.wrapped)
    assert (expanded.tags, expanded.total_events) == (plain.tags, plain.total_events)


def test_a_map_whose_parts_are_repeated_no_times_is_expanded_too() -> None:
    body = {"parts": {"main": {"eiger": [[]]}}, "sequence": [{"part": "main", "repeat": 0}]}
    expanded = expand(TriggerMap.from_json(body, all_wrap=False), {"eiger": ["m0", "m1"]})
    assert (expanded.streams, expanded.total_events) == (("m0", "m1"), 0)


def test_a_map_without_such_names_stays_the_same_object() -> None:
    trigger_map = uniform(["orca"], 5)
    assert expand(trigger_map, {"eiger": ["m0", "m1"]}) is trigger_map
    assert expand(trigger_map, {}) is trigger_map


def test_the_streams_share_the_columns_of_the_name() -> None:
    trigger_map = uniform(["eiger", "orca"], 10_000_000)
    expanded = expand(trigger_map, {"eiger": ["m0", "m1"]})
    assert expanded.streams == ("m0", "m1", "orca")
    part = next(name for name in expanded.parts if name != "reserved_start_end")
    assert expanded.parts[part].columns["m1"] is trigger_map.parts[part].columns["eiger"]


def test_an_open_end_stays_open() -> None:
    expanded = expand(open_ended(["eiger"]), {"eiger": ["m0", "m1"]})
    assert expanded.total_events is None
    assert expanded.cell("m0", 5) == expanded.cell("m1", 5)


def test_parts_may_use_different_words() -> None:
    body = {
        "parts": {"all": {"eiger": [[{"constraint": 0}]]}, "one": {"m0": [[{"constraint": 0}]]}},
        "sequence": ["all", "one"],
    }
    expanded = expand(TriggerMap.from_json(body), {"eiger": ["m0", "m1"]})
    assert expanded.streams == ("m0", "m1")
    assert [expanded.cell("m1", event) is None for event in range(4)] == [False, False, True, False]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"eiger": [[]], "m1": [[]]},
            "part 'main' has cells for the stream 'm1' twice: as a part of 'eiger' and under its own",
        ),
        (
            {"m1": [[]], "eiger": [[]]},
            "for the stream 'm1' twice: under its own name and as a part of 'eiger'",
        ),
        (
            {"eiger": [[]], "half": [[]]},
            "for the stream 'm1' twice: as a part of 'eiger' and as a part of 'half'",
        ),
    ],
)
def test_a_stream_with_two_columns_in_a_part_is_refused(table: dict[str, Any], said: str) -> None:
    trigger_map = TriggerMap.from_mapping(table)
    with pytest.raises(TriggerMapError) as refused:
        expand(trigger_map, {"eiger": ["m0", "m1"], "half": ["m1"]})
    assert said in str(refused.value)

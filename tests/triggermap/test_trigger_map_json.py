"""Reading and writing trigger maps as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.triggermap import RESERVED_PART, Part, Repeat, TriggerMap, TriggerMapError, VirtualWorker
from triggermap.map_strategies import bodies, encoded

ONE_CELL = {"parts": {"main": {"orca": [[{"constraint": 0}]]}}, "sequence": ["main"]}


def test_the_written_form_is_the_one_that_the_fields_clients_read() -> None:
    trigger_map = TriggerMap.from_json(
        b'{"parts":{"main":{"eiger":[[{"constraint":2}],null,[]]}},"sequence":["main"]}'
    )
    generic = {"tags": ["generic"]}
    assert trigger_map.to_json() == {
        "parts": {
            "main": {"mapping": {"eiger": [[{**generic, "constraint": 2}], None, []]}},
            "reserved_start_end": {"mapping": {"eiger": [[{**generic, "constraint": None}]]}},
        },
        "sequence": ["reserved_start_end", "main", "reserved_start_end"],
    }


@given(bodies(), st.booleans())
def test_what_is_written_reads_back_as_the_same_map_with_or_without_wrapping(
    body: dict[str, Any], all_wrap: bool
) -> None:
    trigger_map = TriggerMap.from_json(encoded(body), all_wrap=all_wrap)
    written = trigger_map.to_json()
    assert written == json.loads(trigger_map.encode())
    if not trigger_map.sequence:
        return
    again = TriggerMap.from_json(encoded(written), all_wrap=all_wrap)
    assert again.to_json() == written
    assert (again.sequence, again.total_events, again.wrapped) == (
        trigger_map.sequence,
        trigger_map.total_events,
        all_wrap,
    )
    if all_wrap:
        assert TriggerMap.from_json(written, all_wrap=False).to_json() == written


def test_both_forms_of_a_part_and_a_stream_named_mapping_are_read() -> None:
    cells = [[{"constraint": 0}], None]
    nested = TriggerMap.from_json({"parts": {"p": {"mapping": {"orca": cells}}}, "sequence": ["p"]})
    flat = TriggerMap.from_json({"parts": {"p": {"orca": cells}}, "sequence": ["p"]})
    assert nested.to_json() == flat.to_json()
    named = TriggerMap.from_json({"parts": {"p": {"mapping": cells}}, "sequence": ["p"]})
    assert named.streams == ("mapping",)


def test_the_deprecated_form_is_one_part_named_main() -> None:
    trigger_map = TriggerMap.from_mapping(b'{"orca": [[{"constraint": 0}], [{"constraint": 1}]]}')
    assert trigger_map.sequence == (Repeat(RESERVED_PART), Repeat("main"), Repeat(RESERVED_PART))
    assert trigger_map.total_events == 4


def test_names_in_a_row_and_repeats_become_one_entry() -> None:
    body = {
        "parts": {"a": {"s": [[]]}, "b": {"s": [[]]}},
        "sequence": ["a", "a", {"part": "a", "repeat": 3}, "b", {"part": "b", "repeat": 0}, "a"],
    }
    assert TriggerMap.from_json(body, all_wrap=False).to_json()["sequence"] == [
        {"part": "a", "repeat": 5},
        "b",
        "a",
    ]


def test_equal_repeats_in_a_row_add_up() -> None:
    body = {"parts": {"a": {"s": [[]]}}, "sequence": [{"part": "a", "repeat": 2}, {"part": "a", "repeat": 2}]}
    assert TriggerMap.from_json(body).total_events == 6


def test_a_map_of_more_events_than_can_be_numbered_is_refused_with_what_to_do() -> None:
    often = [{"part": name, "repeat": 10**9} for name in ["a", "b"] * 50]
    body = {"parts": {"a": {"s": [[]] * 100_000}, "b": {"s": [[]] * 100_000}}, "sequence": often}
    with pytest.raises(TriggerMapError, match=r"10000000000000002 events.*repeat null"):
        TriggerMap.from_json(body)


def test_a_map_without_events_keeps_its_start_and_its_end_event() -> None:
    nothing = TriggerMap.from_json({"parts": {"a": {"s": [[]]}}, "sequence": [{"part": "a", "repeat": 0}]})
    assert nothing.total_events == 2
    again = TriggerMap.from_json(nothing.encode())
    assert again.to_json()["sequence"] == [RESERVED_PART, RESERVED_PART]


def test_an_open_ended_map_is_written_with_its_repeat() -> None:
    body = {"parts": {"a": {"s": [[]]}}, "sequence": [{"part": "a", "repeat": None}]}
    written = TriggerMap.from_json(body).to_json()
    assert written["sequence"] == [RESERVED_PART, {"part": "a", "repeat": None}, RESERVED_PART]
    again = TriggerMap.from_json(written)
    assert again.total_events is None
    assert again.to_json() == written


def test_names_are_written_as_they_were_read_whatever_they_contain() -> None:
    body = {
        "parts": {'a"%d': {"Å %s": [[{"tags": ['100 %"', "%d"], "constraint": 1}]]}},
        "sequence": ['a"%d'],
    }
    assert TriggerMap.from_json(body, all_wrap=False).to_json()["parts"] == {
        'a"%d': {"mapping": {"Å %s": [[{"tags": ["%d", '100 %"'], "constraint": 1}]]}}
    }


def test_start_and_end_event_bring_each_stream_to_every_tag_in_use() -> None:
    body = {
        "parts": {
            "a": {"orca": [[{"tags": ["debug", "fast"], "constraint": 1}]]},
            "b": {"slow": [[{"constraint": 0}]]},
        },
        "sequence": ["a"],
    }
    trigger_map = TriggerMap.from_json(body)
    assert trigger_map.tags == {"debug", "fast", "generic"}
    start = (VirtualWorker(("debug",)), VirtualWorker(("fast",)), VirtualWorker(("generic",)))
    for stream in ("orca", "slow"):
        assert trigger_map.cell(stream, 0) == start
        assert trigger_map.cell(stream, 2) == start


def test_start_packets_are_discarded_where_nobody_wants_anything() -> None:
    trigger_map = TriggerMap.from_mapping({"orca": [None, []]})
    assert trigger_map.cell("orca", 0) == ()


def test_start_packets_go_to_every_worker_where_any_worker_may_get_a_packet() -> None:
    trigger_map = TriggerMap.from_mapping({"orca": [[{"tags": [], "constraint": 0}]]})
    assert trigger_map.cell("orca", 0) == (VirtualWorker(()),)


def test_tags_are_kept_sorted_and_without_doubles() -> None:
    assert VirtualWorker(("b", "a", "b")) == VirtualWorker(("a", "b"))
    trigger_map = TriggerMap.from_mapping(
        {"s": [[{"tags": ["b", "a"]}], [{"tags": ["a", "b", "a"]}]]}, all_wrap=False
    )
    assert list(trigger_map.parts["main"].cells("s")) == [(VirtualWorker(("a", "b")),)] * 2


def test_a_part_can_be_made_from_cells() -> None:
    cells = [(VirtualWorker(constraint=1), VirtualWorker(("debug",))), None, ()]
    part = Part.from_cells({"orca": cells})
    assert [part.cell("orca", offset) for offset in range(3)] == cells
    assert part.cell("elsewhere", 1) is None


def case(body: Any, *says: str) -> Any:
    return pytest.param(body, says, id=says[0][:40])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        case(b'{"parts": {"main"', "not readable as JSON"),
        case(b'\xff{"parts": 1}', "JSON is malformed"),
        case(b'{"parts": {"main": ' + b"[" * 100_000, "recursion depth exceeded"),
        case([], "expected `object`, got `array`"),
        case({"parts": {}}, "missing required field `sequence`"),
        case({"parts": {}, "sequence": ["main"]}, "has no parts"),
        case({**ONE_CELL, "sequence": []}, "sequence of the trigger map is empty", "'main'"),
        case(
            {**ONE_CELL, "sequence": ["mian"]}, "'mian', which is not among the parts 'main'", "mean 'main'"
        ),
        case({**ONE_CELL, "sequence": [3]}, "sequence[0]"),
        case({**ONE_CELL, "sequence": [{"part": "main", "repeat": -1}]}, "'main'", "-1 times"),
        case({**ONE_CELL, "sequence": [{"part": "main", "repeat": 1.5}]}, "sequence[0].repeat"),
        case({**ONE_CELL, "sequence": [{"part": "main", "times": 2}]}, "unknown field `times`"),
        case({**ONE_CELL, "sequence": [{"part": "main", "repeat": None}, "main"]}, "not the last entry"),
        case({"parts": {"m": {"s": []}}, "sequence": [{"part": "m", "repeat": None}]}, "'m'", "no events"),
        case({"parts": {"m": {}}, "sequence": ["m"]}, "part 'm' has no streams"),
        case({"parts": {"m": []}, "sequence": ["m"]}, "part 'm': expected `object`, got `array`"),
        case({"parts": {"m": {"s": 3}}, "sequence": ["m"]}, "part 'm': stream 's': expected `array`"),
        case({"parts": {"m": {"s": [None, 3]}}, "sequence": ["m"]}, "part 'm': stream 's': cell 1: expected"),
        case({"parts": {"m": {"s": [[{"constraint": "4"}]]}}, "sequence": ["m"]}, "cell 0", "[0].constraint"),
        case({"parts": {"m": {"s": [[{"constraint": 2**64}]]}}, "sequence": ["m"]}, "cell 0", "<="),
        case({"parts": {"m": {"s": [[{"constrain": 4}]]}}, "sequence": ["m"]}, "unknown field `constrain`"),
        case({"parts": {"m": {"s": [[{"tags": "debug"}]]}}, "sequence": ["m"]}, "cell 0", "[0].tags"),
        case({"parts": {"m": {"s": [object()]}}, "sequence": ["m"]}, "not readable as JSON"),
        case(
            {"parts": {"main": {"eiger": [[]] * 10, "orca": [[]] * 9}}, "sequence": ["main"]},
            "part 'main': stream 'orca' has 9 cells but 'eiger' has 10",
            "one cell per event (null where it sends nothing)",
        ),
        case(
            {"parts": {RESERVED_PART: {"s": [[]]}}, "sequence": [RESERVED_PART]}, f"'{RESERVED_PART}' is kept"
        ),
        case(
            {
                "parts": {RESERVED_PART: {"s": [[], []]}, "m": {"s": [[]]}},
                "sequence": [RESERVED_PART, "m", RESERVED_PART],
            },
            "the one event",
        ),
        case({**ONE_CELL, "sequence": [RESERVED_PART, "main", RESERVED_PART]}, f"'{RESERVED_PART}' is kept"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_with_its_place(body: Any, says: tuple[str, ...]) -> None:
    with pytest.raises(TriggerMapError) as refused:
        TriggerMap.from_json(body)
    sentence = str(refused.value)
    assert all(words in sentence for words in says), sentence
    assert "\n" not in sentence


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_other_json_is_refused_with_a_sentence(anything: Any) -> None:
    for body in (
        anything,
        {"parts": anything, "sequence": ["a"]},
        {"parts": {"a": anything}, "sequence": anything},
    ):
        with pytest.raises(TriggerMapError):
            TriggerMap.from_json(json.dumps(body).encode())

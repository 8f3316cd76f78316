"""Trigger maps as text."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from beamloom.triggermap import TriggerMap, batched, open_ended, overlapping, render, uniform

C = [{"constraint": number} for number in range(12)]
DEBUG = {"tags": ["debug"]}
POSTER: dict[str, Any] = {
    "orca": [[C[1]], [C[3], DEBUG], [C[5]], [C[7]], [C[8]], [C[10]]],
    "contrast": [[C[2]], [C[4], DEBUG], [C[6]], [C[7]], [C[9]], [C[10]]],
    "slow": [[{}], [DEBUG], None, [], None, [{"tags": ["fast", "debug"], "constraint": 3}, C[3]]],
}


def block(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_the_map_of_the_poster_reads_as_on_the_poster() -> None:
    assert render(TriggerMap.from_mapping(POSTER, all_wrap=False)) == block("""
        event     0    1          2     3  4     5
        orca      1    {3,debug}  5     7  8     10
        contrast  2    {4,debug}  6     7  9     10
        slow      all  debug      none  ∅  none  {3:debug+fast,3}

        6 events: main
    """)


def test_a_bar_stands_where_constraints_begin_to_mean_other_workers() -> None:
    body = {"parts": {"main": {"a": [[C[0]], [C[1]]]}}, "sequence": ["main", "main"]}
    assert render(TriggerMap.from_json(body)) == block("""
        event  0    |  1  2  |  3  4  |  5
        a      all  |  0  1  |  0  1  |  all

        6 events: start, main × 2, end
    """)


def test_a_long_map_is_cut_on_both_sides() -> None:
    assert render(batched(["a"], 300, 10), first=9, count=4) == block("""
        event  …  9  10  11  12  …
        a      …  0  0   1   1   …

        302 events: start, main, end
    """)


def test_a_map_shown_from_its_second_event_is_cut_before_it() -> None:
    assert render(uniform(["a"], 1), first=1).splitlines()[:2] == ["event  …  1  |  2", "a      …  0  |  all"]


def test_the_end_of_a_map_is_not_cut() -> None:
    assert render(uniform(["a"], 3), first=3).splitlines()[:2] == ["event  …  3  |  4", "a      …  2  |  all"]


def test_an_open_ended_map_goes_on() -> None:
    assert render(open_ended(["a"]), count=3) == block("""
        event  0    |  1  |  2  …
        a      all  |  0  |  0  …

        open-ended: start, main × until told to stop, end
    """)


def test_a_sequence_of_very_many_entries_is_summed_up() -> None:
    parts = {"line": {"a": [[C[0]]]}, "turn": {"a": [None]}}
    trigger_map = TriggerMap.from_json({"parts": parts, "sequence": ["line", "turn"] * 50}, all_wrap=False)
    summary = render(trigger_map, count=1).splitlines()[-1]
    assert summary.startswith("100 events: line, turn, line, ")
    assert summary.endswith(", … 88 more, line, turn")


@pytest.mark.parametrize(("first", "count"), [(0, 0), (5, 3), (100, 16), (-3, 2)])
def test_any_window_of_a_map_can_be_shown(first: int, count: int) -> None:
    lines = render(overlapping(["a"], 5), first=first, count=count).splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["event", "a"]
    assert lines[-1] == "7 events: start, main, end"

"""Compiled columns say what a plain reading of the map says, event by event."""

from __future__ import annotations

import itertools
import time
import tracemalloc
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from beamloom.triggermap import (
    MIXED,
    NOBODY,
    CellKind,
    CompiledPart,
    Instance,
    Repeat,
    TriggerMap,
    _map,
    batched,
    open_ended,
    overlapping,
    uniform,
)
from triggermap.map_strategies import (
    PlainEvent,
    bodies,
    encoded,
    names_of,
    plain_events,
    streams_of,
    tables_of,
)

POSTER = {
    "parts": {
        "main": {
            "orca": [
                [{"constraint": 1}],
                [{"constraint": 3}, {"tags": ["debug"]}],
                [{"constraint": 5}],
                [{}],
            ],
            "alba": [[{"constraint": 2}], [{"constraint": 4}], [{"constraint": 5}], []],
            "slow": [None, [{"tags": ["debug"]}], None, []],
        }
    },
    "sequence": ["main", "main"],
}


def instances_of(
    body: dict[str, Any], *, all_wrap: bool, tile_events: int
) -> tuple[TriggerMap, list[Instance]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_map, "TILE_EVENTS", tile_events)
        trigger_map = TriggerMap.from_json(encoded(body), all_wrap=all_wrap)
        return trigger_map, list(trigger_map.instances())


def numbered(events: list[PlainEvent]) -> dict[tuple[int, int], int]:
    """Groups by first occurrence: event order, then streams."""
    return {g: n for n, g in enumerate(dict.fromkeys(g for event in events for g in event.groups()))}


def tags_of_groups(events: list[PlainEvent]) -> dict[tuple[int, int], frozenset[str]]:
    tags: dict[tuple[int, int], frozenset[str]] = {}
    for event in events:
        for cell in event.cells.values():
            for worker_tags, constraint in cell or ():
                if constraint is not None:
                    tags.setdefault((event.occurrence, constraint), worker_tags)
    return tags


def assert_same(part: CompiledPart, events: list[PlainEvent]) -> None:
    number, tags = numbered(events), tags_of_groups(events)
    assert part.length == len(events)
    assert part.group_count == len(number)
    assert [part.tag_sets[i] for i in part.group_tags] == [tags[group] for group in number]
    where = {g: [o for o, event in enumerate(events) if g in event.groups()] for g in number}
    assert part.group_first.tolist() == [min(where[g]) for g in number]
    assert part.group_last.tolist() == [max(where[g]) for g in number]
    used = set(tags.values()).union(*(event.broadcasts() for event in events))
    assert set(part.tag_sets) == used
    assert len(part.tag_sets) == len(used)

    single = []
    for offset, event in enumerate(events):
        groups, broadcasts = event.groups(), event.broadcasts()
        assert part.groups(offset) == tuple(number[g] for g in groups)
        assert [part.tag_sets[i] for i in part.broadcasts(offset)] == broadcasts
        for g in groups:
            assert part.streams_of_group(offset, number[g]) == tuple(event.streams_of_group(g))
        for tag_set, tag_number in zip(broadcasts, part.broadcasts(offset), strict=True):
            assert part.streams_of_broadcast(offset, tag_number) == tuple(event.streams_of_broadcast(tag_set))
        assert part.wanted(offset) == tuple(stream for stream, cell in event.cells.items() if cell)
        for stream, cell in event.cells.items():
            kind = CellKind.NONE if cell is None else CellKind.WANTED if cell else CellKind.DISCARD
            assert part.kinds[stream][offset] == kind
        if not groups and not broadcasts:
            single.append(NOBODY)
        else:
            single.append(number[groups[0]] if len(groups) == 1 and not broadcasts else MIXED)
    assert part.single.tolist() == single
    assert part.stretch_until.tolist() == [stretch_end(single, o) for o in range(len(events))]
    first = [min(where[g]) for g in number]
    group_tags = [tags[g] for g in number]
    assert part.fresh_until.tolist() == [fresh_end(single, first, group_tags, o) for o in range(len(events))]


def stretch_end(single: list[int], offset: int) -> int:
    if single[offset] == MIXED:
        return offset
    return offset + len(list(itertools.takewhile(lambda value: value == single[offset], single[offset:])))


def fresh_end(single: list[int], first: list[int], tags: list[frozenset[str]], offset: int) -> int:
    end = offset
    while end < len(single):
        group = single[end]
        if group < 0 or first[group] < offset:
            break
        if end > offset and (group - single[end - 1] not in (0, 1) or tags[group] != tags[single[end - 1]]):
            break
        end += 1
    return end


@given(bodies(), st.booleans(), st.integers(1, 40))
@example(POSTER, True, 100)
def test_compiled_columns_are_what_a_plain_reading_of_the_map_gives(
    body: dict[str, Any], all_wrap: bool, tile_events: int
) -> None:
    trigger_map, instances = instances_of(body, all_wrap=all_wrap, tile_events=tile_events)
    events = plain_events(body, all_wrap=all_wrap)
    assert trigger_map.streams == tuple(streams_of(body))
    assert trigger_map.total_events == len(events)
    at = 0
    for first, part in instances:
        assert first == at
        assert part.streams == trigger_map.streams
        assert_same(part, events[at : at + part.length])
        at += part.length
    assert at == len(events)


@given(bodies(), st.booleans())
def test_every_event_is_located_in_its_part(body: dict[str, Any], all_wrap: bool) -> None:
    trigger_map = TriggerMap.from_json(encoded(body), all_wrap=all_wrap)
    for number, event in enumerate(plain_events(body, all_wrap=all_wrap)):
        for stream, expected in event.cells.items():
            cell = trigger_map.cell(stream, number)
            assert (None if cell is None else [(frozenset(w.tags), w.constraint) for w in cell]) == expected
    rounds: Counter[str] = Counter()
    places = []
    for name in names_of(body):
        rounds[name] += 1
        length = len(next(iter(tables_of(body)[name].values())))
        places += [(name, offset, rounds[name]) for offset in range(length)]
    found = [trigger_map.locate(number + all_wrap) for number in range(len(places))]
    assert [(place.part, place.offset, place.round) for place in found] == places
    with pytest.raises(IndexError):
        trigger_map.locate(trigger_map.total_events or 0)


def test_a_constraint_means_another_worker_in_each_occurrence_of_its_part() -> None:
    part = next(iter(TriggerMap.from_mapping({"a": [[{"constraint": 7}]]}, all_wrap=False).instances())).part
    assert part.groups(0) == (0,)
    repeated = {"parts": {"p": {"a": [[{"constraint": 7}]]}}, "sequence": [{"part": "p", "repeat": 3}]}
    _, instances = instances_of(repeated, all_wrap=False, tile_events=3)
    assert [instance.part.single.tolist() for instance in instances] == [[0, 1, 2]]


def test_the_tags_of_a_constraint_are_those_of_its_first_virtual_worker() -> None:
    trigger_map = TriggerMap.from_mapping(
        {
            "a": [None, [{"tags": ["late"], "constraint": 1}]],
            "b": [[{"tags": ["first"], "constraint": 1}], None],
        },
        all_wrap=False,
    )
    (part,) = (instance.part for instance in trigger_map.instances())
    assert part.tag_sets == (frozenset({"first"}),)


def test_a_whole_batched_scan_is_one_fresh_region() -> None:
    trigger_map = batched(["a", "b"], 500, 10, all_wrap=False)
    (part,) = (instance.part for instance in trigger_map.instances())
    assert part.fresh_until[0] == 500
    assert part.fresh_until[5] == 5, "event 5 is of a group that has begun before"
    assert part.fresh_until[10] == 500
    assert part.stretch_until[13] == 20


def test_a_fresh_region_ends_where_other_workers_are_asked_for() -> None:
    tags = ["a", "a", "b", "b", "a"]
    cells = [[{"constraint": number, "tags": [tag]}] for number, tag in enumerate(tags)]
    (part,) = (i.part for i in TriggerMap.from_mapping({"s": cells}, all_wrap=False).instances())
    assert part.fresh_until.tolist() == [2, 2, 4, 4, 5]


def test_columns_of_a_compiled_part_cannot_be_changed() -> None:
    for trigger_map in (overlapping(["a"], 9), uniform(["a"], 5000)):
        for _, part in trigger_map.instances():
            columns = [part.single, part.fresh_until, part.stretch_until, part.group_tags, part.group_first]
            writeable = [column.flags.writeable for column in [*columns, part.group_last]]
            assert not any(writeable + [kinds.flags.writeable for kinds in part.kinds.values()])


def test_an_open_ended_map_goes_on_for_ever_and_keeps_its_end_event_apart() -> None:
    trigger_map = open_ended(["a"], batch=3)
    assert trigger_map.total_events is None
    instances = list(itertools.islice(trigger_map.instances(), 50))
    assert instances[0].part.length == 1
    assert [i.first for i in instances[1:3]] == [1, 1 + instances[1].part.length]
    assert len({id(i.part) for i in instances[1:]}) == 1
    assert instances[1].part.length % instances[1].part.period == 0
    end = trigger_map.end_part()
    assert end is not None
    assert end.length == 1
    assert end.broadcasts(0) == (0,)
    assert open_ended(["a"], all_wrap=False).end_part() is None
    assert trigger_map.locate(10**12).part == "main"


def test_an_open_part_may_follow_the_same_part_with_a_number_of_times() -> None:
    trigger_map = TriggerMap.from_json(
        {"parts": {"p": {"a": [[]]}}, "sequence": ["p", "p", {"part": "p", "repeat": None}]}, all_wrap=False
    )
    assert trigger_map.sequence == (Repeat("p", 2), Repeat("p", None))
    assert [i.first for i in itertools.islice(trigger_map.instances(), 2)] == [0, 2]


def test_ten_million_events_from_a_repeated_part_cost_next_to_nothing() -> None:
    thousand = [[{"constraint": i}] for i in range(1000)]
    bodies_of_ten_million: list[dict[str, Any]] = [
        {"parts": {"p": {"a": [[{"constraint": 0}]]}}, "sequence": [{"part": "p", "repeat": 10**7}]},
        {"parts": {"p": {"a": thousand}}, "sequence": ["p"] * 10_000},
        {"parts": {"p": {"a": thousand, "b": thousand}}, "sequence": [{"part": "p", "repeat": 10_000}]},
    ]
    for body in bodies_of_ten_million:
        raw = encoded(body)
        tracemalloc.start()
        began = time.process_time()
        trigger_map = TriggerMap.from_json(raw)
        fresh = sum(int(part.fresh_until[0]) for _, part in trigger_map.instances())
        took = time.process_time() - began
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert trigger_map.total_events == 10**7 + 2
        assert fresh == 10**7, "each instance is fresh as a whole, but for the start and the end event"
        assert peak < 20e6
        assert took < 5, (
            "the floor is 1 s without tracing; this only catches work that grows with the repeats"
        )


def test_constraints_far_apart_are_numbered_as_well_as_dense_ones() -> None:
    values = np.random.default_rng(3).integers(-(2**62), 2**62, 2000).repeat(2).tolist()
    trigger_map = TriggerMap.from_mapping({"a": [[{"constraint": v}] for v in values]}, all_wrap=False)
    (part,) = (instance.part for instance in trigger_map.instances())
    assert part.single.tolist() == [i // 2 for i in range(4000)]
    assert part.fresh_until[0] == 4000

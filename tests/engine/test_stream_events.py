"""Which event a packet belongs to: numbering, the stream's plan of the map, and what the plan says when a run is closed."""

from __future__ import annotations

from dataclasses import dataclass

import hypothesis.strategies as st
import pytest
from hypothesis import given

from beamloom.engine.ranges import Range
from beamloom.engine.streams.layout import WantedEvents, stream_layout, wanted_events
from beamloom.engine.streams.numbering import DUPLICATE, LATE, RESTART, SURPLUS, Numbering
from beamloom.engine.streams.streamplan import StreamPlan, Stretch, items_before
from beamloom.events import Packet, PacketKind
from beamloom.triggermap import CellKind, Repeat, TriggerMap, uniform

CELLS = {CellKind.NONE: None, CellKind.DISCARD: [], CellKind.WANTED: [{"constraint": 0}]}
KINDS = st.sampled_from(list(CellKind))


def data(number: int | None = None) -> Packet:
    return Packet("test", [b"frame"], number)


def start(number: int | None = None) -> Packet:
    return Packet("test", [b"start"], number, PacketKind.START)


def end(number: int | None = None) -> Packet:
    return Packet("test", [b"end"], number, PacketKind.END)


# ---- numbering -----------------------------------------------------------------------------------------------------------------


def places(packets: list[Packet], last: int | None, *, wrapped: bool = True) -> list[int]:
    numbering = Numbering(wrapped=wrapped)
    numbering.last_item = last
    return [numbering.accept(packet) for packet in packets]


def test_packets_without_numbers_take_the_next_place() -> None:
    assert places([start(), data(), data(), end()], 3) == [0, 1, 2, 3]


def test_numbered_packets_take_their_place_after_the_start() -> None:
    assert places([start(), data(1), data(3), end(4)], 4) == [0, 1, 3, 4]


def test_a_packet_that_was_there_is_a_duplicate_and_one_whose_place_was_skipped_is_late() -> None:
    assert places([start(), data(1), data(4), data(1), data(4), data(2), data(5)], 9) == [
        0, 1, 4, DUPLICATE, DUPLICATE, LATE, 5,
    ]  # fmt: skip


def test_a_packet_behind_the_end_is_surplus_and_moves_nothing() -> None:
    assert places([data(0), data(7), data(1), data(2), data(3)], 2, wrapped=False) == [
        0,
        SURPLUS,
        1,
        2,
        SURPLUS,
    ]


def test_in_a_wrapped_run_no_frame_takes_the_place_of_the_closing_packet() -> None:
    assert places([start(), data(), data(), data(), end()], 2) == [0, 1, SURPLUS, SURPLUS, 2]


def test_a_closing_packet_of_a_wrapped_run_is_its_last_item_wherever_it_comes() -> None:
    assert places([start(), data(1), end(2)], 9) == [0, 1, 9]
    assert places([start(), data(1), end(None)], 9) == [0, 1, 9]
    assert places([start(), end(), end()], 9) == [0, 9, SURPLUS]


def test_a_closing_packet_of_a_map_that_is_not_wrapped_is_an_item_as_any_other() -> None:
    assert places([start(), data(1), end(2), start(3), data(1)], 9, wrapped=False) == [0, 1, 2, 3, 4]
    assert places([start(), data(), end(), start(), data()], 9, wrapped=False) == [0, 1, 2, 3, 4]


def test_numbers_count_from_the_start_of_their_own_series() -> None:
    several = [start(), data(1), data(2), start(), data(1), data(3)]
    assert places(several, 20, wrapped=False) == [0, 1, 2, 3, 4, 6]
    assert places([start(0), data(2), start(5), data(1)], 20, wrapped=False) == [0, 2, 5, 6]


def test_a_start_that_comes_twice_does_not_move_its_series() -> None:
    for again in (5, 0):
        twice = [start(0), data(1), start(5), data(1), start(again), data(2)]
        assert places(twice, 20, wrapped=False) == [0, 1, 5, 6, DUPLICATE, 7]


def test_a_start_in_the_middle_of_the_only_series_takes_no_place_and_moves_no_number() -> None:
    for number in (None, 0, 7):
        anew = [start(), data(1), data(2), start(number), data(1), data(2), data(3), end(4)]
        assert places(anew, 4) == [0, 1, 2, RESTART, DUPLICATE, DUPLICATE, 3, 4]


def test_without_numbers_a_start_in_the_middle_takes_no_place_either() -> None:
    assert places([start(), data(), start(), data(), start(), end()], 3) == [0, 1, RESTART, 2, RESTART, 3]


def test_a_series_that_begins_behind_the_end_is_surplus_and_so_is_all_of_it() -> None:
    anew = [start(), data(1), end(2), start(), data(1), data(2), end(3)]
    assert places(anew, 5) == [0, 1, 5, *[SURPLUS] * 4]


def restarts(numbers: list[int]) -> tuple[int, int]:
    """How often a device began anew that sent these numbers, and behind how many items it did so last."""
    numbering = Numbering(wrapped=True)
    numbering.accept(start())
    for number in numbers:
        numbering.accept(start() if number == 0 else data(number))
    return numbering.restarts, numbering.restarted_after


def test_numbers_that_jump_back_and_go_on_are_a_restart() -> None:
    assert restarts([1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6]) == (1, 6)
    assert restarts([1, 2, 3, 4, 5, 1, 2, 3, 4, 1, 2, 3]) == (2, 6)
    assert restarts([1, 2, 3, 4, 5, 2, 3, 5, 4, 6, 1, 3, 5, 8]) == (2, 7)
    assert restarts([1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6]) == (1, 6)
    assert restarts([1, 2, 3, 4, 5, 0, 1, 3, 2, 4, 5, 6]) == (1, 6)


def test_duplicates_and_late_packets_are_no_restart() -> None:
    assert restarts([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]) == (0, 0)
    assert restarts([1, 2, 3, 4, 4, 4, 4, 4]) == (0, 0)
    assert restarts([1, 2, 3, 4, 3, 4, 5]) == (0, 0)
    assert restarts([1, 8, 2, 3, 4, 5, 6, 7, 9]) == (0, 0)


def test_what_cannot_be_read_takes_one_place() -> None:
    numbering = Numbering(wrapped=False)
    numbering.accept(data())
    assert numbering.skip_one() == 1
    assert numbering.accept(data()) == 2
    assert numbering.accept(data(1)) == LATE


# ---- the plan ------------------------------------------------------------------------------------------------------------------


@dataclass
class Sketch:
    """A map as its test writes it: the kinds of two streams, part by part."""

    parts: list[list[tuple[CellKind, CellKind]]]
    sequence: list[tuple[int, int]]
    open_part: int | None
    wrapped: bool

    def map(self) -> TriggerMap:
        parts = {
            f"p{i}": {"a": [CELLS[a] for a, _ in part], "b": [CELLS[b] for _, b in part]}
            for i, part in enumerate(self.parts)
        }
        sequence: list[object] = [{"part": f"p{i}", "repeat": times} for i, times in self.sequence]
        if self.open_part is not None:
            sequence.append({"part": f"p{self.open_part}", "repeat": None})
        return TriggerMap.from_json({"parts": parts, "sequence": sequence}, all_wrap=self.wrapped)

    def events(self, copies: int) -> list[tuple[CellKind, int]]:
        """Kind of stream a, and from how many streams a packet is wanted if from it, event by event; the end event is not in it."""
        one = {
            i: [(a, 1 + (b == CellKind.WANTED) if a == CellKind.WANTED else 0) for a, b in part]
            for i, part in enumerate(self.parts)
        }
        events = [event for i, times in self.sequence for event in one[i] * times]
        if self.open_part is not None:
            events += one[self.open_part] * copies
        return [(CellKind.WANTED, 2)] * self.wrapped + events


PARTS = st.lists(st.lists(st.tuples(KINDS, KINDS), min_size=1, max_size=4), min_size=1, max_size=3)


@st.composite
def sketches(draw: st.DrawFn, *, open_ended: bool) -> Sketch:
    parts = draw(PARTS)
    number = st.integers(0, len(parts) - 1)
    sequence = draw(st.lists(st.tuples(number, st.integers(1, 4)), min_size=1, max_size=4))
    wanted = any(CellKind.WANTED in cell for part in parts for cell in part)
    return Sketch(parts, sequence, draw(number) if open_ended else None, draw(st.booleans()) and wanted)


def expand(stretches: list[Stretch]) -> list[tuple[int, CellKind, int]]:
    return [(event, one.kind, one.wanted) for one in stretches for event in range(one.first, one.stop)]


def packets_of(events: list[tuple[CellKind, int]]) -> list[tuple[int, CellKind, int]]:
    return [(n, kind, wanted) for n, (kind, wanted) in enumerate(events) if kind != CellKind.NONE]


@given(sketches(open_ended=False), st.lists(st.integers(1, 7), max_size=30))
def test_the_plan_of_a_stream_is_the_map_written_out_event_by_event(sketch: Sketch, takes: list[int]) -> None:
    events = sketch.events(0) + [(CellKind.WANTED, 2)] * sketch.wrapped
    plan = StreamPlan(stream_layout(sketch.map(), "a"))
    expected = packets_of(events)
    assert plan.last_item == len(expected) - 1
    for count in takes:
        first = plan.next_item
        assert expand(plan.take(first + count)) == expected[first : first + count]
        assert plan.next_event == (
            expected[plan.next_item][0] if plan.next_item < len(expected) else len(events)
        )


@given(sketches(open_ended=True), st.integers(0, 12), st.integers(0, 6))
def test_an_open_ended_plan_may_be_closed_at_any_event(sketch: Sketch, taken: int, extra: int) -> None:
    events = sketch.events(24)
    plan = StreamPlan(stream_layout(sketch.map(), "a"))
    assert plan.last_item is None
    expected = packets_of(events)
    got = expand(plan.take(taken))
    assert got == expected[:taken]
    event = min((got[-1][0] + 1 if got else 0) + extra, len(events))
    event = max(event, len(sketch.events(0)))
    missing = plan.close(event)
    assert expand(missing) == [one for one in expected[len(got) :] if one[0] < event]
    before = [one for one in expected if one[0] < event]
    assert plan.next_item == len(before)
    assert plan.last_item == len(before) - 1 + sketch.wrapped
    rest = expand(plan.take(plan.next_item + 5))
    assert rest == [(event, CellKind.WANTED, 2)] * sketch.wrapped


@given(
    sketches(open_ended=False),
    st.tuples(st.integers(0, 60), st.integers(0, 60)),
    st.lists(st.integers(0, 60)),
)
def test_the_wanted_events_of_a_stream_are_found_in_any_range_and_step_by_step(
    sketch: Sketch, bounds: Range, stops: list[int]
) -> None:
    layout = stream_layout(sketch.map(), "a")
    events = sketch.events(0) + [(CellKind.WANTED, 2)] * sketch.wrapped
    wanted = {n for n, (kind, _) in enumerate(events) if kind == CellKind.WANTED}

    def numbers(ranges: list[Range]) -> list[int]:
        return [n for first, stop in ranges for n in range(first, stop)]

    assert numbers(wanted_events(layout, *bounds)) == sorted(wanted & set(range(*bounds)))
    stepwise, found = WantedEvents(layout), []
    for stop in sorted(stops):
        found += numbers(stepwise.before(stop))
        assert found == sorted(n for n in wanted if n < stop)


def test_a_stream_without_a_packet_in_the_part_that_repeats_has_all_it_will_send() -> None:
    body = {
        "parts": {
            "first": {"a": [[{"constraint": 0}]], "b": [[{"constraint": 0}]]},
            "rest": {"a": [[{"constraint": 0}], []]},
        },
        "sequence": ["first", {"part": "rest", "repeat": None}],
    }
    plan = StreamPlan(stream_layout(TriggerMap.from_json(body), "b"))
    assert [one.kind for one in plan.take(2)] == [CellKind.WANTED] * 2
    assert plan.next_event > 1 << 40
    assert plan.close(5) == []
    assert (plan.next_event, plan.last_item) == (5, 2)


@pytest.mark.parametrize("times", [10_000, None])
def test_equal_events_are_one_stretch_however_often_their_part_is_repeated(times: int | None) -> None:
    trigger_map = TriggerMap(uniform(["a"], 1, all_wrap=False).parts, [Repeat("main", times)], all_wrap=False)
    plan = StreamPlan(stream_layout(trigger_map, "a"))
    assert plan.take(10_000) == [Stretch(0, 10_000, CellKind.WANTED, 1)]


def test_as_many_packets_are_sent_before_an_event_as_events_before_it_have_one() -> None:
    row = [None, [], [{"constraint": 0}], None, [{"constraint": 0}]]
    body = {"parts": {"some": {"a": row}}, "sequence": [{"part": "some", "repeat": 2}]}
    cells = [cell is not None for cell in row] * 2
    layout = stream_layout(TriggerMap.from_json(body, all_wrap=False), "a")
    assert [items_before(layout, event) for event in range(len(cells) + 1)] == [
        sum(cells[:event]) for event in range(len(cells) + 1)
    ]
    assert items_before(layout, 1000) == sum(cells)

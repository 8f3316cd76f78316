"""Which packets a source that is triggered by software is asked for."""

from __future__ import annotations

from beamloom.engine.assignment import Span
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.requests import Requests
from beamloom.events import PacketKind
from beamloom.triggermap import TriggerMap, open_ended, uniform

START, DATA, END = PacketKind.START, PacketKind.DATA, PacketKind.END


def requests(trigger_map: TriggerMap) -> Requests:
    return Requests(stream_layout(trigger_map, "a"))


def test_each_packet_is_asked_for_once_when_its_event_is_leased_for_the_first_time() -> None:
    one = requests(uniform(["a"], 4))
    assert one.leased([Span(0, 1, "w")]) == [START]
    assert one.leased([Span(1, 2, "w"), Span(3, 1, "v")]) == [DATA, DATA, DATA]
    assert one.leased([Span(2, 1, "v", attempt=2)]) == []
    assert one.leased([Span(4, 2, "w")]) == [DATA, END]
    assert one.leased([Span(5, 1, "v", attempt=2)]) == []


def test_of_a_lease_that_comes_before_the_one_below_it_all_packets_below_are_asked_for_too() -> None:
    assert requests(uniform(["a"], 4)).leased([Span(2, 1, "w"), Span(1, 1, "v")]) == [START, DATA, DATA]


def test_a_series_without_start_and_end_has_data_only() -> None:
    one = requests(uniform(["a"], 3, all_wrap=False))
    assert one.leased([Span(0, 3, "w")]) == [DATA, DATA, DATA]


def test_a_run_without_an_end_is_asked_for_as_far_as_it_is_leased() -> None:
    assert requests(open_ended(["a"])).leased([Span(0, 3, "w")]) == [START, DATA, DATA]

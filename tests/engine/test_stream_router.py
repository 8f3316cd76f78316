"""Packets and leases meet in any order; what the stream did wrong is said event by event."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.assignment import Span
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.losses import MALFORMED_KEPT
from beamloom.engine.streams.packet_rows import row_of
from beamloom.engine.streams.retention import Retention, WhenFull
from beamloom.engine.streams.router import StreamRouter
from beamloom.engine.streams.waiting_leases import Delivery
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.triggermap import TriggerMap, open_ended, sparse, uniform
from engine.mill import GENEROUS, numbered

LAST = 21


def router(trigger_map: TriggerMap | None = None, stream: str = "a", **retention: Any) -> StreamRouter:
    """The router of a stream; by default of 20 frames with a start and an end."""
    kept = Retention(retention.pop("budget", GENEROUS), **retention)
    return StreamRouter(stream, stream_layout(trigger_map or uniform(["a"], LAST - 1), stream), kept)


def items(*numbers: int) -> list[Packet | Malformed]:
    return [numbered("a", number, LAST) for number in numbers]


def sent(deliveries: Sequence[Delivery]) -> list[tuple[str, int, int]]:
    """Worker, event and item of each packet that was delivered."""
    return [
        (one.span.worker, event, int(packet.frames[0].split(b":")[1]))
        for one in deliveries
        for event, packet in enumerate(one.packets, one.first)
    ]


def to(worker: str, *events: int) -> list[tuple[str, int, int]]:
    return [(worker, event, event) for event in events]


def test_leases_may_come_before_the_packets() -> None:
    one = router()
    assert one.assign([Span(0, 3, "w1"), Span(3, 5, "w2")]) == []
    assert sent(one.arrive(items(*range(5)))) == to("w1", 0, 1, 2) + to("w2", 3, 4)
    assert sent(one.arrive(items(*range(5, 10)))) == to("w2", 5, 6, 7)


def test_packets_may_come_before_the_leases() -> None:
    one = router()
    assert one.arrive(items(*range(6))) == []
    assert sent(one.assign([Span(0, 4, "w1"), Span(4, 4, "w2")])) == to("w1", 0, 1, 2, 3) + to("w2", 4, 5)
    assert sent(one.arrive(items(6, 7, 8))) == to("w2", 6, 7)


def test_consecutive_packets_that_are_alike_travel_together_to_one_worker() -> None:
    one = router(uniform(["a"], 30, all_wrap=False))
    one.assign([Span(0, 20, "w1")])
    assert [len(delivery.packets) for delivery in one.arrive(items(*range(15)))] == [1, 14]
    assert [len(delivery.packets) for delivery in one.assign([Span(0, 10, "w2", attempt=2)])] == [1, 9]


def test_what_is_leased_again_is_delivered_again_until_it_is_settled() -> None:
    one = router()
    one.assign([Span(0, 6, "w1")])
    one.arrive(items(*range(6)))
    one.release(0, 3)
    assert sent(one.assign([Span(1, 4, "w2", attempt=2)])) == to("w2", 3, 4)
    assert len(one.retention) == 3


def test_a_worker_that_is_gone_gets_nothing_more() -> None:
    one = router()
    one.assign([Span(0, 4, "w1"), Span(4, 4, "w2")])
    one.forget_worker("w1")
    assert sent(one.arrive(items(*range(8)))) == to("w2", 4, 5, 6, 7)


def test_the_deliveries_of_an_event_that_several_workers_see_overlap() -> None:
    one = router()
    spans = [Span(n, 1, f"w{slot}", slot, streams=("a",)) for n in range(3) for slot in range(2)]
    one.assign([*spans, Span(3, 2, "w0"), Span(0, 1, "late", 2, streams=("a",))])
    got = sent(one.arrive(items(*range(5))))
    both = [("w0", n, n) for n in range(3)] + [("w1", n, n) for n in range(3)] + [("late", 0, 0)]
    assert sorted(got) == sorted(both + to("w0", 3, 4))
    assert len(one._leases) == 0


def test_a_lease_of_lower_events_may_come_after_one_of_higher_events() -> None:
    one = router()
    one.assign([Span(4, 4, "w1"), Span(0, 4, "w2", attempt=2)])
    assert sent(one.arrive(items(*range(8)))) == to("w2", 0, 1, 2, 3) + to("w1", 4, 5, 6, 7)


def test_a_lease_for_other_streams_is_passed_over() -> None:
    one = router()
    one.assign([Span(0, 1, "w1", streams=("b", "c")), Span(0, 1, "w2", 1, streams=("a", "c"))])
    (delivery,) = one.arrive(items(0))
    assert (delivery.span.worker, delivery.expected) == ("w2", 2)


def test_a_worker_is_told_how_many_streams_its_event_has() -> None:
    trigger_map = sparse(["a", "slow"], 8, every={"slow": 4}, all_wrap=False)
    one = router(trigger_map)
    one.assign([Span(0, 8, "w1")])
    deliveries = one.arrive([Packet("test", [b"a:%d" % n]) for n in range(8)])
    expected = {d.first + i: d.expected for d in deliveries for i in range(len(d.packets))}
    assert [expected[n] for n in range(8)] == [1, 1, 1, 2, 1, 1, 1, 2]


CHUNKS = st.lists(st.integers(1, 5), min_size=1, max_size=20)


@given(CHUNKS, CHUNKS, st.data())
def test_every_packet_reaches_its_worker_once_in_whatever_order_packets_and_leases_come(
    reads: list[int], leases: list[int], data: st.DataObject
) -> None:
    one = router()
    got: list[tuple[str, int, int]] = []
    read = leased = 0
    owner: dict[int, str] = {}
    while read <= LAST or leased <= LAST:
        if read <= LAST and (leased > LAST or data.draw(st.booleans())):
            stop = min(read + reads[read % len(reads)], LAST + 1)
            got += sent(one.arrive(items(*range(read, stop))))
            read = stop
        else:
            stop = min(leased + leases[leased % len(leases)], LAST + 1)
            owner.update(dict.fromkeys(range(leased, stop), f"w{leased % 3}"))
            got += sent(one.assign([Span(leased, stop - leased, f"w{leased % 3}")]))
            leased = stop
    assert sorted(got) == sorted((owner[n], n, n) for n in range(LAST + 1))
    assert len(one._leases) == 0
    assert one.ended


# ---- what goes wrong -----------------------------------------------------------------------------------------------------------


def test_a_gap_loses_the_events_that_were_skipped_and_shifts_none() -> None:
    one = router()
    one.assign([Span(0, 10, "w1")])
    assert sent(one.arrive(items(0, 1, 4, 5))) == to("w1", 0, 1, 4, 5)
    assert one.take_losses() == [
        Loss(2, 4, "stream 'a' skipped frame numbers: a gap in what the device sent")
    ]
    assert one.take_losses() == []
    assert one.counts.gaps == 2


def test_a_doubled_and_a_late_packet_are_counted_and_go_nowhere() -> None:
    one = router()
    one.assign([Span(0, 10, "w1")])
    assert sent(one.arrive(items(0, 1, 1, 4, 2, 5))) == to("w1", 0, 1, 4, 5)
    assert (one.counts.duplicates, one.counts.late, one.counts.packets) == (1, 1, 4)


def test_a_malformed_packet_that_takes_a_place_loses_that_event() -> None:
    one = router(uniform(["a"], 6, all_wrap=False))
    one.assign([Span(0, 6, "w1")])
    plain = [Packet("test", [b"a:%d" % n]) for n in range(6)]
    got = one.arrive([plain[0], Malformed("torn", [b"?"], takes_place=True), *plain[2:]])
    assert sent(got) == to("w1", 0, 2, 3, 4, 5)
    assert one.take_losses() == [Loss(1, 2, "stream 'a' sent a malformed packet: torn")]
    assert one.counts.malformed == 1


def test_a_malformed_packet_without_a_place_is_named_as_the_cause_of_the_gap_after_it() -> None:
    one = router()
    one.arrive([*items(0, 1), Malformed("torn", [b"?"]), Malformed("worse", [b"?"]), *items(3, 5)])
    causes = [loss.cause for loss in one.take_losses()]
    assert causes == [
        "stream 'a' sent a malformed packet: torn",
        "stream 'a' skipped frame numbers: a gap in what the device sent",
    ]


def test_what_was_unreadable_before_the_start_is_the_cause_of_the_frames_missing_behind_it() -> None:
    one = router()
    one.arrive([Malformed("its file is cut off", [b""]), *items(0, LAST)])
    (loss,) = one.take_losses()
    assert loss == Loss(1, LAST, "stream 'a' sent a malformed packet: its file is cut off")


def test_the_first_malformed_packets_are_kept_for_inspection() -> None:
    one = router()
    one.arrive([Malformed(f"{n}", []) for n in range(MALFORMED_KEPT + 5)])
    assert [bad.reason for bad in one.losses.malformed] == [f"{n}" for n in range(MALFORMED_KEPT)]
    assert one.counts.malformed == MALFORMED_KEPT + 5


def test_a_series_that_is_closed_early_loses_the_rest_and_keeps_the_end_event() -> None:
    one = router()
    one.assign([Span(0, LAST + 1, "w1")])
    assert sent(one.arrive(items(0, 1, 2, LAST))) == to("w1", 0, 1, 2, LAST)
    (loss,) = one.take_losses()
    assert (loss.first, loss.stop) == (3, LAST)
    assert loss.cause == "stream 'a' ended early: its series was closed after 3 of 21 packets"
    assert (one.ended, one.complete_until) == (True, LAST + 1)


def test_packets_behind_the_end_of_the_run_are_surplus() -> None:
    one = router()
    one.arrive(items(*range(LAST + 1)))
    one.arrive([Packet("test", [b"a:22"], 22), Packet("test", [b"a:23"])])
    assert one.counts.surplus == 2
    assert one.take_losses() == []


def test_packets_that_nobody_wants_are_counted_and_not_kept() -> None:
    cells = {"a": [[{"constraint": 0}], [], [], [{"constraint": 1}]]}
    one = router(TriggerMap.from_mapping(cells, all_wrap=False))
    one.assign([Span(0, 1, "w1"), Span(3, 1, "w1")])
    got = one.arrive([Packet("test", [b"a:%d" % n]) for n in range(4)])
    assert sent(got) == to("w1", 0, 3)
    assert (one.counts.discarded, len(one.retention)) == (2, 2)


def test_a_gap_in_what_nobody_wants_loses_no_event() -> None:
    cells = {"a": [[{"constraint": 0}], [], [{"constraint": 1}]]}
    one = router(TriggerMap.from_mapping(cells, all_wrap=False))
    one.arrive([Packet("test", [b"a:0"], 0), Packet("test", [b"a:2"], 2)])
    assert (one.take_losses(), one.counts.gaps) == ([], 1)


def test_a_witness_is_told_of_every_packet_that_has_an_event() -> None:
    told: list[tuple[int, int]] = []
    layout = stream_layout(uniform(["a"], 20), "a")
    one = StreamRouter("a", layout, Retention(GENEROUS), lambda first, some: told.append((first, len(some))))
    one.arrive(items(0, 1, 2, 2, 5, 6))
    assert told == [(0, 1), (1, 2), (5, 2)]


# ---- retention -----------------------------------------------------------------------------------------------------------------


def test_a_full_retention_blocks_the_device_until_something_is_settled() -> None:
    one = router(budget=12)
    one.arrive(items(0, 1, 2, 3))
    assert not one.has_room
    one.release(1, 2)
    assert one.has_room
    assert (one.retention.nbytes, one.retention.peak_nbytes) == (9, 12)


def test_a_full_retention_that_drops_loses_new_packets_and_says_so() -> None:
    one = router(budget=6, when_full=WhenFull.DROP)
    one.assign([Span(0, 10, "w1")])
    one.arrive(items(0, 1))
    assert one.has_room
    assert one.arrive(items(2, 3)) == []
    assert one.take_losses() == [Loss(2, 4, "stream 'a' dropped packets: its retention is full")]
    assert (one.counts.dropped, one.retention.nbytes) == (2, 6)
    one.release(0, 2)
    assert sent(one.arrive(items(4))) == to("w1", 4)


def test_a_packet_whose_event_another_stream_has_lost_is_not_kept() -> None:
    one = router()
    one.release(2, 4)
    one.release(7, 8)
    one.arrive(items(*range(6)))
    assert events(one.retention, 0, 10) == [0, 1, 4, 5]
    one.arrive(items(*range(6, 9)))
    assert events(one.retention, 6, 10) == [6, 8]
    assert len(one._settled_ahead) == 0


def test_of_packets_that_were_read_at_once_those_are_kept_for_which_there_is_room() -> None:
    one = router(budget=6, when_full=WhenFull.DROP)
    one.assign([Span(0, 22, "w1")])
    assert sent(one.arrive(items(*range(6)))) == to("w1", 0, 1)
    assert one.take_losses() == [Loss(2, 6, "stream 'a' dropped packets: its retention is full")]
    one.release(0, 2)
    assert sent(one.arrive(items(6, 7))) == to("w1", 6, 7)


def events(kept: Retention, first: int, stop: int) -> list[int]:
    return [event for one in kept.within(first, stop) for event in range(one.first, one.stop)]


def test_the_memory_of_an_array_counts_with_its_bytes() -> None:
    pixels = memoryview(array("d", [0.0] * 10))
    kept = Retention(1000)
    kept.keep(0, row_of([Packet("test", [pixels, b"head"])]), 1)
    assert kept.nbytes == 84
    kept.release(0, 1)
    assert kept.nbytes == 0


def test_a_packet_larger_than_the_whole_memory_passes_alone() -> None:
    kept = Retention(10)
    assert kept.keep(0, row_of([Packet("test", [bytes(25)])]), 1) == 1
    assert (kept.blocks, kept.oversized) == (True, 25)
    kept.release(0, 1)
    assert (kept.blocks, kept.room) == (False, 10)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12))
def test_retention_counts_what_it_keeps(releases: list[tuple[int, int]]) -> None:
    kept = Retention(100)
    kept.keep(0, row_of(Packet("test", [bytes(n)]) for n in range(25)), 1)
    left = set(range(25))
    for first, stop in releases:
        kept.release(first, stop)
        left -= set(range(first, stop))
        assert kept.nbytes == sum(left)
        assert events(kept, 0, 40) == sorted(left)
        assert len(kept) == len(left)
        assert kept.full == (sum(left) >= 100)
    kept.release(0, 1 << 60)
    assert (len(kept), kept.nbytes) == (0, 0)


# ---- closing -------------------------------------------------------------------------------------------------------------------


def test_the_closing_packet_of_an_open_ended_series_waits_for_the_controller() -> None:
    one = router(open_ended(["a"]))
    one.assign([Span(0, 8, "w1")])
    assert sent(one.arrive([numbered("a", n, 4) for n in range(5)])) == to("w1", 0, 1, 2, 3)
    assert (one.ended, one.seen_until, one.complete_until) == (True, 4, 4)
    assert one.close(4) == []
    assert sent(one.assign([Span(4, 1, "w1", attempt=2)])) == to("w1", 4)
    assert one.complete_until == 5


def test_the_closing_packet_of_an_open_ended_series_shows_that_the_last_frames_are_missing() -> None:
    one = router(open_ended(["a"]))
    one.arrive([numbered("a", n, 6) for n in (0, 1, 2, 6)])
    assert one.take_losses() == [
        Loss(3, 6, "stream 'a' ended early: its series was closed after 3 of 6 packets")
    ]
    assert one.seen_until == 6
    one.arrive([numbered("a", 4, 6)])
    assert one.counts.late == 1


@pytest.mark.parametrize("leased", [0, 3, 5, 9])
def test_a_stream_that_is_behind_when_an_open_ended_run_is_closed_loses_the_rest(leased: int) -> None:
    one = router(open_ended(["a"]))
    one.assign([Span(0, leased, "w1")] if leased else [])
    one.arrive([numbered("a", n, 9) for n in range(3)])
    one.close(6)
    assert one.take_losses() == [Loss(3, 6, "stream 'a' ended early: other streams went on")]
    assert all(span.stop <= 6 for span in one._leases)
    assert one.seen_until == 6
    one.arrive([numbered("a", 4, 9)])
    assert one.counts.late == 1
    one.arrive([Packet("test", [b"end:9"], None, PacketKind.END)])
    assert (one.complete_until, one.ended) == (7, True)


# ---- a device that begins anew -------------------------------------------------------------------------------------------------


def test_a_series_that_begins_anew_fills_the_events_that_were_not_there_yet() -> None:
    one = router()
    one.assign([Span(0, LAST + 1, "w1")])
    got = sent(one.arrive(items(*range(8))))
    got += sent(one.arrive(items(*range(LAST + 1))))
    assert got == to("w1", *range(LAST + 1))
    counts = one.counts
    assert (counts.restarts, counts.duplicates, counts.packets) == (1, 7, LAST + 1)
    assert one.take_losses() == []
    assert one.ended


def test_what_is_lost_after_a_restart_is_lost_with_a_cause_that_names_it() -> None:
    one = router()
    one.arrive(items(0, 1, 2, 4, 5, *range(4), 6, 8, 9, LAST))
    assert one.take_losses() == [
        Loss(3, 4, "stream 'a' skipped frame numbers: a gap in what the device sent"),
        Loss(
            7,
            8,
            "stream 'a' began its series anew after 6 packets; it skipped frame numbers: a gap in what the device sent",
        ),
        Loss(
            10,
            LAST,
            "stream 'a' began its series anew after 6 packets; it ended early: its series was closed after 10 of 21 packets",
        ),
        Loss(
            3,
            4,
            "stream 'a' began its series anew after 6 packets; what it had skipped before it sent then, when the event was lost already",
            instead_of="stream 'a' skipped frame numbers: a gap in what the device sent",
        ),
    ]
    assert (one.counts.restarts, one.counts.duplicates, one.counts.late) == (1, 2, 1)


def test_numbers_that_jump_back_and_go_on_are_counted_as_a_restart() -> None:
    one = router()
    one.arrive(items(*range(8)))
    one.arrive(items(*range(1, 9), 10))
    assert (one.counts.restarts, one.counts.duplicates, one.seen_until) == (1, 7, 11)
    (loss,) = one.take_losses()
    assert loss.cause.startswith("stream 'a' began its series anew after 8 packets; it skipped")


def test_an_open_ended_series_that_begins_anew_goes_on_where_it_was() -> None:
    one = router(open_ended(["a"]))
    one.assign([Span(0, 12, "w1")])
    got = sent(one.arrive([numbered("a", n, 9) for n in (0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 9)]))
    assert got == to("w1", *range(6))
    assert (one.counts.restarts, one.seen_until, one.ended) == (1, 9, True)
    (loss,) = one.take_losses()
    assert (loss.first, loss.stop) == (6, 9)
    assert loss.cause == (
        "stream 'a' began its series anew after 4 packets; it ended early: its series was closed after 6 of 9 packets"
    )


def test_a_series_behind_the_end_of_an_open_ended_one_is_none_of_the_run() -> None:
    one = router(open_ended(["a"]))
    one.assign([Span(0, 12, "w1")])
    whole = [numbered("a", n, 4) for n in range(5)]
    assert sent(one.arrive([*whole, *(numbered("a", n, 9) for n in range(10))])) == to("w1", *range(4))
    assert (one.counts.surplus, one.counts.restarts, one.seen_until) == (10, 0, 4)
    one.close(4)
    assert sent(one.assign([Span(4, 1, "w1", attempt=2)])) == to("w1", 4)
    assert (one.take_losses(), one.complete_until) == ([], 5)


SERIES = st.lists(st.sets(st.integers(1, LAST - 1)).map(sorted), min_size=1, max_size=4)


@given(SERIES, st.booleans(), st.lists(st.integers(1, 9), min_size=1))
def test_however_often_a_series_begins_anew_each_event_has_its_own_packet_or_none(
    series: list[list[int]], ends: bool, portions: list[int]
) -> None:
    """Each of ``series`` is what came of it: any of its frames, in order."""
    one = router()
    one.assign([Span(0, LAST + 1, "w1")])
    arrivals = [packet for numbers in series for packet in items(0, *numbers)] + items(LAST) * ends
    got, at, turn = list[tuple[str, int, int]](), 0, 0
    while at < len(arrivals):
        count = portions[turn % len(portions)]
        got += sent(one.arrive(arrivals[at : at + count]))
        at, turn = at + count, turn + 1
    front, expected = 0, [0]
    for number in (number for numbers in series for number in numbers):
        if number > front:
            front, expected = number, [*expected, number]
    assert got == to("w1", *expected, *([LAST] * ends))
    lost = {event for loss in one.take_losses() for event in range(loss.first, loss.stop)}
    assert lost == set(range(LAST if ends else front + 1)) - set(expected)
    assert one.counts.restarts == len(series) - 1
    assert one.counts.surplus == 0


@given(st.lists(st.integers(0, 8), min_size=1, max_size=4))
def test_without_numbers_what_follows_a_restart_continues_by_order(lengths: list[int]) -> None:
    one = router()
    one.assign([Span(0, LAST + 1, "w1")])
    item = 0
    arrivals: list[Packet | Malformed] = []
    for turn, length in enumerate(lengths):
        arrivals.append(Packet("test", [b"a:0" if turn == 0 else b"a:999"], None, PacketKind.START))
        for _ in range(length):
            item += 1
            arrivals.append(Packet("test", [b"a:%d" % item]))
    assert sent(one.arrive(arrivals)) == to("w1", *range(min(item, LAST - 1) + 1))
    assert one.counts.restarts == len(lengths) - 1

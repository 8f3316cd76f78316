"""Packets that changed places within the window are put back; outside of it they cost their own events and no others."""

from __future__ import annotations

from collections.abc import Iterable

import hypothesis.strategies as st
import pytest
from hypothesis import given

from beamloom.engine.accounts.ledger import Ledger, Loss
from beamloom.engine.assignment import Span
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.packet_rows import Arrivals, rows_of, singles
from beamloom.engine.streams.reorder import Reorder
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.router import StreamRouter
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.triggermap import open_ended, uniform
from engine.mill import GENEROUS, numbered

LAST = 41
WAIT = 0.05
Items = list[Packet | Malformed]


def reorder(window: int = 8, most_bytes: int = GENEROUS) -> Reorder:
    return Reorder(window, WAIT, most_bytes)


def items(numbers: Iterable[int], last: int = LAST) -> Items:
    return [numbered("a", number, last) for number in numbers]


def shown(arrivals: Arrivals) -> list[int | str]:
    """The items, and for what is unreadable its reason."""
    return [
        one.reason if isinstance(one, Malformed) else int(one.frames[0].split(b":")[1])
        for one in singles(arrivals)
    ]


class Stream:
    """A window and the router behind it, in one run."""

    def __init__(self, window: int = 8, *, endless: bool = False) -> None:
        self.reorder = reorder(window)
        self.seen: dict[int, int | str] = {}
        trigger_map = open_ended(["a"]) if endless else uniform(["a"], LAST - 1)
        self.router = StreamRouter(
            "a",
            stream_layout(trigger_map, "a"),
            Retention(GENEROUS),
            lambda first, some: self.seen.update(dict(enumerate(shown([some]), first))),
            window=str(self.reorder),
        )
        self.router.assign([Span(0, LAST + 1, "w")])
        self.ledger = Ledger(LAST + 1)

    def place(self, arrivals: Arrivals) -> None:
        self.router.arrive(arrivals)
        for loss in self.router.take_losses():
            if loss.instead_of is None:
                self.ledger.lose(loss.first, loss.stop, loss.cause)
            else:
                self.ledger.explain(loss)

    def read(self, arrivals: Items, now: float = 0.0) -> None:
        self.place(self.reorder.arrive(arrivals, now))

    def flush(self) -> None:
        self.place(self.reorder.flush())


@st.composite
def nearly_ordered(draw: st.DrawFn, window: int) -> list[int]:
    """The items of a run, none further from its place than the window."""
    keys = [number + draw(st.floats(0, window)) for number in range(LAST + 1)]
    order = sorted(range(LAST + 1), key=lambda number: (keys[number], number))
    assert all(abs(place - number) <= window for place, number in enumerate(order))
    return order


def in_portions(arrivals: Items, sizes: list[int]) -> list[Items]:
    portions: list[Items] = []
    at = 0
    while at < len(arrivals):
        size = sizes[len(portions) % len(sizes)]
        portions.append(arrivals[at : at + size])
        at += size
    return portions


SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=8)


@given(st.data(), st.integers(1, 12), SIZES)
def test_any_order_within_the_window_gives_exactly_the_ordered_result(
    data: st.DataObject, window: int, sizes: list[int]
) -> None:
    stream = Stream(window)
    order = data.draw(nearly_ordered(window))
    # START begins to count, so it is where it always is.
    order.remove(0)
    for portion in in_portions(items([0, *order]), sizes):
        stream.read(portion)
    assert len(stream.reorder) == 0
    assert stream.seen == {number: number for number in range(LAST + 1)}
    assert (stream.ledger.losses, stream.router.ended) == ([], True)
    counts = stream.router.counts
    assert (counts.gaps, counts.late, counts.duplicates) == (0, 0, 0)
    assert (stream.reorder.reordered > 0) == (order != sorted(order))


@given(
    st.permutations(range(1, LAST + 1)),
    st.lists(st.integers(1, LAST), max_size=6),
    st.sets(st.integers(1, LAST), max_size=6),
    st.integers(0, 9),
    SIZES,
    st.lists(st.floats(0, 0.03), min_size=1, max_size=5),
)
def test_in_any_order_at_all_no_event_gets_the_packet_of_another_and_each_is_accounted_for(
    order: list[int],
    doubled: list[int],
    missing: set[int],
    window: int,
    sizes: list[int],
    pauses: list[float],
) -> None:
    stream = Stream(window)
    arrivals = items([0, *(number for number in [*order, *doubled] if number not in missing)])
    now = 0.0
    for turn, portion in enumerate(in_portions(arrivals, sizes)):
        now += pauses[turn % len(pauses)]
        stream.place(stream.reorder.due(now))
        stream.read(portion, now)
        assert len(stream.reorder) <= window
    stream.flush()
    assert (len(stream.reorder), stream.reorder.nbytes, stream.reorder.due_at) == (0, 0, None)
    assert all(event == item for event, item in stream.seen.items())
    lost = {event for loss in stream.ledger.losses for event in range(loss.first, loss.stop)}
    # A series that is not closed leaves its last events open.
    unseen = set(range(stream.router.complete_until)) - set(stream.seen)
    assert lost == unseen
    assert len(arrivals) == len(stream.seen) + sum(
        getattr(stream.router.counts, name) for name in ("late", "duplicates", "surplus")
    )


def test_what_comes_in_order_passes_at_once() -> None:
    window = reorder()
    rows = rows_of(items(range(20)))
    passed = window.arrive(rows, 0.0)
    assert all(one is row for one, row in zip(passed, rows, strict=True))
    assert (len(window), window.due_at, window.reordered) == (0, None, 0)


def test_what_is_behind_a_gap_waits_for_the_missing_packet() -> None:
    window = reorder()
    assert shown(window.arrive(items([0, 1, 3, 4, 6]), 0.0)) == [0, 1]
    assert shown(window.arrive(items([2]), 0.01)) == [2, 3, 4]
    assert shown(window.arrive(items([5, 7]), 0.02)) == [5, 6, 7]
    assert window.reordered == 2


def test_nothing_waits_longer_than_it_may() -> None:
    window = reorder()
    window.arrive(items([0, 1, 3]), 1.0)
    window.arrive(items([4, 6]), 1.03)
    assert window.due_at == 1.0 + WAIT
    assert shown(window.due(1.04)) == []
    assert shown(window.due(1.0 + WAIT)) == [3, 4]
    assert shown(window.due(1.03 + WAIT)) == [6]
    assert window.due_at is None


def test_no_more_packets_and_bytes_are_held_than_the_window_allows() -> None:
    window = reorder(3)
    assert shown(window.arrive(items([0, 2, 3, 5]), 0.0)) == [0]
    assert shown(window.arrive(items([7]), 0.0)) == [2, 3]
    assert len(window) == 2
    heavy = reorder(100, most_bytes=9)
    assert shown(heavy.arrive(items([0, 2, 3, 5]), 0.0)) == [0]
    assert heavy.nbytes == 9
    assert shown(heavy.arrive(items([6]), 0.0)) == [2, 3]
    assert heavy.nbytes == 6


def test_without_a_window_nothing_is_held() -> None:
    window = reorder(0)
    assert shown(window.arrive(items([0, 3, 1, 2]), 0.0)) == [0, 3, 1, 2]


def test_a_packet_that_comes_twice_within_the_window_is_a_duplicate() -> None:
    stream = Stream()
    stream.read(items([0, 1, 3, 3, 4, 2, 2, 5]))
    assert stream.seen == {number: number for number in range(6)}
    counts = stream.router.counts
    assert (counts.duplicates, counts.late, stream.reorder.reordered) == (2, 0, 1)
    again = Stream()
    again.read(items([0, 1, 3, 3, 2, 5, 4, 6]))
    assert again.seen == {number: number for number in range(7)}
    assert again.reorder.reordered == 2


def test_packets_without_numbers_pass_and_nothing_is_held_beyond_them() -> None:
    window = reorder()
    plain: Items = [Packet("test", [b"a:%d" % n]) for n in range(4)]
    torn = Malformed("torn", [b"?"], takes_place=True)
    assert list(singles(window.arrive([plain[0], torn, *plain[2:]], 0.0))) == [plain[0], torn, *plain[2:]]
    assert shown(window.arrive([*items([6]), *plain[:1]], 0.0)) == [6, 0]
    assert len(window) == 0


def test_an_unreadable_packet_keeps_its_place_and_is_named_as_the_cause_of_the_gap_behind_it() -> None:
    stream = Stream()
    stream.read([*items([0, 1, 3, 4]), Malformed("torn", [b"?"]), *items([6, 7])])
    stream.place(stream.reorder.due(WAIT))
    assert stream.ledger.losses == [
        Loss(2, 3, "stream 'a' skipped frame numbers: a gap in what the device sent"),
        Loss(5, 6, "stream 'a' sent a malformed packet: torn"),
    ]


def test_a_start_begins_to_count_anew_and_its_low_numbers_are_not_late() -> None:
    window = reorder()
    window.arrive(items([0, 1, 2, 5]), 0.0)
    assert shown(window.arrive(items([0, 1, 2, 3]), 0.0)) == [5, 0, 1, 2, 3]
    assert len(window) == 0


def test_numbers_that_jump_back_and_go_on_from_there_are_followed() -> None:
    window = reorder()
    window.arrive(items(range(20)), 0.0)
    assert shown(window.arrive(items([3, 4, 5, 7, 6]), 0.0)) == [3, 4, 5, 6, 7]
    assert window.reordered == 1


def test_one_number_that_lies_does_not_end_the_putting_in_order() -> None:
    stream = Stream(endless=False)
    stream.read([*items([0, 1, 2]), Packet("test", [b"a:999"], 10**9)])
    stream.place(stream.reorder.due(WAIT))
    stream.read(items([3, 4, 6, 5, 7]), 1.0)
    assert stream.seen == {number: number for number in range(8)}
    assert stream.router.counts.surplus == 1


def test_an_end_waits_for_the_last_packets() -> None:
    for endless in (False, True):
        stream = Stream(endless=endless)
        stream.read(items([0, 1, 2, 4, 5], last=5))
        assert not stream.router.ended
        stream.read(items([3], last=5))
        assert stream.router.ended
        assert stream.router.counts.gaps == (0 if endless else LAST - 5)


@pytest.mark.parametrize("behind", [1, 3, 8])
def test_a_late_packet_is_named_as_the_cause_of_its_loss(behind: int) -> None:
    stream = Stream()
    stream.read(items(number for number in range(6 + behind) if number not in (4, 5)))
    stream.place(stream.reorder.due(WAIT))
    gap = "stream 'a' skipped frame numbers: a gap in what the device sent"
    assert stream.ledger.losses == [Loss(4, 6, gap)]
    stream.read(items([5]), 1.0)
    late = f"it came {behind} packets late, outside the window of 8 packets or 50 ms"
    assert stream.ledger.losses == [
        Loss(4, 5, gap),
        Loss(5, 6, f"stream 'a' sent the packet out of order: {late}"),
    ]
    assert stream.router.counts.late == 1


def test_a_loss_that_another_stream_caused_keeps_its_cause() -> None:
    ledger = Ledger(10)
    ledger.lose(2, 8, "gap in a")
    ledger.explain(Loss(3, 5, "late in b", instead_of="gap in b"))
    assert ledger.losses == [Loss(2, 8, "gap in a")]
    ledger.explain(Loss(3, 5, "late in a", instead_of="gap in a"))
    ledger.explain(Loss(9, 10, "late in a", instead_of="gap in a"))
    assert ledger.losses == [Loss(2, 3, "gap in a"), Loss(3, 5, "late in a"), Loss(5, 8, "gap in a")]
    assert len(ledger.lost) == 6


def test_the_kinds_of_packets_do_not_change_what_numbers_say() -> None:
    window = reorder()
    end = Packet("test", [b"a:5"], 5, PacketKind.END)
    assert shown(window.arrive([*items([0, 1, 2]), end, *items([4, 3])], 0.0)) == [0, 1, 2, 3, 4, 5]

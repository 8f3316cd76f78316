"""What several ingesters report of one stream says the same of it as one ingester would."""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import given

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.ranges import RangeSet
from beamloom.engine.streams.combs import Comb, Combs
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.router import StreamRouter
from beamloom.engine.streams.shares import Share, ShareReport, Shares, ShareSettings
from beamloom.engine.streams.streamplan import StreamLayout
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.triggermap import TriggerMap, open_ended, sparse, uniform
from engine.mill import GENEROUS, numbered

SETTINGS = ShareSettings(end_grace=1.0, orphan_grace=1.0, silence=10.0)
FRAMES = 20
LAST = FRAMES + 1
Arrival = Packet | Malformed


class Split:
    """A stream, the routers of its shares, and what is known of all together; the test turns the clock."""

    def __init__(
        self,
        trigger_map: TriggerMap | None = None,
        count: int = 2,
        *,
        in_turn: bool = True,
        stream: str = "a",
    ) -> None:
        layout = stream_layout(trigger_map or uniform(["a"], FRAMES), stream)
        self.routers = [
            StreamRouter(stream, layout, Retention(GENEROUS), share=Share(index, count, in_turn))
            for index in range(count)
        ]
        names = [str(index) for index in range(count)]
        self.shares = Shares(stream, layout, names, SETTINGS, 0.0, in_turn=in_turn)
        self.layout: StreamLayout = layout
        self.now = 0.0
        self.losses: list[Loss] = []
        self.dead: set[int] = set()
        self.stopped = False

    def arrive(self, index: int, *arrivals: Arrival) -> None:
        self.routers[index].arrive(list(arrivals))
        self.report(index)

    def report(self, index: int) -> None:
        router = self.routers[index]
        report = ShareReport(
            router.complete_until,
            router.seen_until,
            router.take_received(),
            router.take_losses(),
            router.losses.take_excuses(),
            router.ended,
            self.stopped,
        )
        self.shares.report(str(index), report, self.now)
        self.look()

    def deal(self, items: Sequence[int], last: int = LAST) -> None:
        """These items of the series come to the shares in turn."""
        for place, item in enumerate(items):
            self.arrive(place % len(self.routers), numbered("a", item, last))

    def die(self, index: int) -> None:
        self.shares.gone(str(index), f"share {index} died", self.now)
        self.look()

    def look(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.losses += self.shares.advance(self.now, 0)

    @property
    def lost(self) -> list[tuple[int, int]]:
        return [(loss.first, loss.stop) for loss in self.losses]


@given(st.lists(st.integers(1, 9), max_size=30), st.lists(st.booleans(), min_size=1, max_size=5))
def test_combs_hold_the_events_that_were_put_in(steps: list[int], takes: list[bool]) -> None:
    combs, put, got, at = Combs(), RangeSet(), RangeSet(), 0
    for place, step in enumerate(steps):
        stop = at + 1 + step % 2
        combs.add(at, stop)
        put.add(at, stop)
        at = stop + step - 1
        if takes[place % len(takes)]:
            for comb in combs.take():
                for first, end in comb.ranges():
                    assert got.add(first, end) == end - first
    for comb in combs.take():
        for first, end in comb.ranges():
            assert got.add(first, end) == end - first
    assert got == put


def test_what_is_dealt_out_in_turn_is_three_numbers() -> None:
    combs = Combs()
    for event in range(5, 50_000, 3):
        combs.add(event, event + 1)
    (comb,) = combs.take()
    assert (comb.first, comb.step, comb.first + comb.step * comb.count) == (5, 3, 50_000)


def test_nothing_is_lost_when_each_packet_comes_to_some_share() -> None:
    split = Split(count=3)
    split.deal(range(LAST + 1))
    assert (split.shares.complete_until, split.losses, split.shares.gaps) == (LAST + 1, [], 0)
    assert all(router.counts.gaps == 0 for router in split.routers)


def test_a_gap_is_one_when_every_share_has_gone_past_it() -> None:
    split = Split()
    split.arrive(0, numbered("a", 0, LAST), numbered("a", 2, LAST), numbered("a", 5, LAST))
    split.arrive(1, numbered("a", 1, LAST))
    assert (split.shares.complete_until, split.lost) == (3, [])
    split.arrive(1, numbered("a", 4, LAST))
    assert (split.shares.complete_until, split.lost) == (6, [(3, 4)])
    assert split.losses[0].cause == "stream 'a' skipped frame numbers: a gap in what the device sent"
    assert split.shares.gaps == 1


def test_at_the_end_a_gap_is_one_when_all_have_been_silent_for_the_grace() -> None:
    split = Split()
    split.arrive(0, *(numbered("a", item, LAST) for item in (0, 2, LAST)))
    split.arrive(1, numbered("a", 1, LAST))
    split.look(0.9)
    assert split.lost == []
    split.arrive(1, numbered("a", 3, LAST))
    split.look(0.9)
    assert split.lost == [], "the share that had lagged behind has come on"
    split.look(0.2)
    assert split.lost == [(4, LAST)]
    assert "'a' ended early" in split.losses[0].cause
    assert split.shares.complete_until == LAST + 1


def test_a_share_that_keeps_as_much_as_it_may_is_waited_for() -> None:
    split = Split()
    split.arrive(0, *(numbered("a", item, LAST) for item in (0, LAST)))
    split.shares.report("1", ShareReport(0, 0, blocked=True), 0.0)
    split.look(100.0)
    assert split.lost == []


def test_a_gap_does_not_fill_one_share_while_nothing_comes_to_the_others() -> None:
    split = Split()
    split.shares.report("0", ShareReport(6, 6, _combs(0, 1, 2, 4, 5), blocked=True), 0.0)
    split.look(0.9)
    assert split.lost == []
    split.look(0.2)
    assert split.lost == [(3, 4)]
    split.shares.report("1", ShareReport(2, 2), split.now)
    split.look(2.0)
    assert split.shares.complete_until == 6


def _combs(*events: int) -> list[Comb]:
    combs = Combs()
    for event in events:
        combs.add(event, event + 1)
    return combs.take()


def test_a_packet_that_comes_to_two_shares_counts_once_and_is_a_double() -> None:
    split = Split()
    split.arrive(0, *(numbered("a", item, LAST) for item in (0, 1, 2)))
    split.arrive(1, numbered("a", 1, LAST), numbered("a", 3, LAST))
    split.arrive(0, numbered("a", 3, LAST))
    assert (split.shares.duplicates, split.shares.complete_until, split.losses) == (2, 4, [])


def test_a_packet_that_comes_after_it_was_given_up_is_late() -> None:
    split = Split()
    split.arrive(0, *(numbered("a", item, LAST) for item in (0, 1, 3, LAST)))
    split.look(1.1)
    split.arrive(1, numbered("a", 2, LAST))
    assert (split.shares.late, split.shares.duplicates) == (1, 0)


def test_shares_do_not_take_each_other_for_thieves_but_a_third_client_is_one() -> None:
    split = Split(uniform(["a"], 100))
    split.deal([item for item in range(101) if item % 3 != 2], 101)
    assert "another client takes them" in split.losses[-1].cause
    assert "1 of every 3 packets are missing" in split.losses[-1].cause
    whole = Split(uniform(["a"], 100))
    whole.deal(range(102), 101)
    assert whole.losses == []


def test_what_is_unreadable_is_named_as_the_cause_where_a_packet_is_missing_in_all() -> None:
    split = Split()
    split.arrive(0, numbered("a", 0, LAST), Malformed("torn", [b"?"]))
    split.arrive(1, numbered("a", 1, LAST), numbered("a", 3, LAST))
    split.arrive(0, numbered("a", 4, LAST))
    assert [loss.cause for loss in split.losses] == ["stream 'a' sent a malformed packet: torn"]
    assert split.lost == [(2, 3)]


def test_what_a_dead_share_held_and_what_was_on_its_way_to_it_is_lost_with_that_cause() -> None:
    split = Split()
    split.deal(range(6))
    split.die(0)
    split.look(0.5)
    for item in (7, 9, 10, 11):
        split.arrive(1, numbered("a", item, LAST))
    assert split.lost == [], "what the dead share had sent may still be reduced"
    split.look(0.6)
    assert sorted(split.lost) == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
    assert {loss.cause for loss in split.losses} == {"share 0 died"}
    assert split.shares.start_gone
    split.arrive(1, numbered("a", 13, LAST))
    assert split.losses[-1] == Loss(12, 13, "stream 'a' skipped frame numbers: a gap in what the device sent")


def test_a_restart_that_all_shares_read_is_counted_once_and_named_where_a_packet_is_missing_in_all() -> None:
    split = Split(in_turn=False)
    for items in ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 8, 9]):
        for index in range(2):
            split.arrive(index, *(numbered("a", item, LAST) for item in items))
    assert [router.counts.restarts for router in split.routers] == [1, 0]
    assert split.losses == [Loss(6, 8, "stream 'a' began its series anew after 5 packets")]


def test_a_restart_of_what_is_dealt_out_is_told_by_the_share_that_gets_the_start() -> None:
    split = Split()
    split.deal(range(6))
    split.arrive(1, Packet("test", [b"a:0"], 6, PacketKind.START))
    for place, item in enumerate([1, 2, 3, 4, 5, 6, 7, 9, 10, 11]):
        split.arrive(place % 2, numbered("a", item, LAST))
    assert [router.counts.restarts for router in split.routers] == [0, 1]
    assert split.losses == [Loss(8, 9, "stream 'a' began its series anew after 6 packets")]
    assert split.shares.complete_until == 12


def test_a_dead_share_loses_no_event_in_which_nobody_wants_its_packet() -> None:
    cells = {"a": [[{"constraint": 0}], [], [{"constraint": 0}], []]}
    split = Split(TriggerMap.from_mapping(cells, all_wrap=False))
    for event in range(4):
        split.arrive(0, Packet("test", [b"a:%d" % event], event))
    split.die(0)
    split.look(1.1)
    assert split.lost == [(0, 1), (2, 3)]


def test_a_dead_share_that_took_the_end_with_it_does_not_keep_the_run_from_ending() -> None:
    split = Split()
    split.deal(range(8))
    split.die(1)
    split.arrive(0, numbered("a", 8, LAST))
    split.look(9.0)
    assert split.shares.complete_until == 9
    split.look(1.5)
    assert split.shares.complete_until == LAST + 1
    assert split.losses[-2:] == [Loss(9, LAST, "share 1 died"), Loss(LAST, LAST + 1, "share 1 died")]


def test_when_all_have_died_the_stream_is_gone() -> None:
    split = Split()
    split.die(1)
    assert split.shares.all_gone is None
    split.now = 1.0
    split.die(0)
    assert split.shares.all_gone == "share 0 died"


def test_a_share_that_all_read_goes_past_what_is_not_its_own() -> None:
    split = Split(in_turn=False)
    for index in range(2):
        split.arrive(
            index, *(numbered("a", item, LAST) for item in range(LAST + 1) if (index, item) != (0, 7))
        )
    assert [router.counts.packets for router in split.routers] == [11, 11]
    assert (split.losses, split.shares.complete_until) == ([], LAST + 1), "share 0 missed a packet of share 1"
    other = Split(in_turn=False)
    for index in range(2):
        other.arrive(
            index, *(numbered("a", item, LAST) for item in range(LAST + 1) if (index, item) != (1, 7))
        )
    assert other.lost == [(7, 8)]


def test_shares_that_all_read_count_an_unreadable_packet_and_a_double_once() -> None:
    split = Split(in_turn=False)
    for index in range(2):
        split.arrive(
            index,
            numbered("a", 0, LAST),
            numbered("a", 1, LAST),
            Malformed("torn", [b"?"]),
            numbered("a", 1, LAST),
            numbered("a", 3, LAST),
        )
    counts = [router.counts for router in split.routers]
    assert sum(one.malformed for one in counts) == 1
    assert sum(one.duplicates for one in counts) == 1
    assert [loss.cause for loss in split.losses] == ["stream 'a' sent a malformed packet: torn"]


@pytest.mark.parametrize("in_turn", [True, False])
def test_an_open_ended_run_is_closed_when_the_shares_have_been_silent(in_turn: bool) -> None:
    split = Split(open_ended(["a"]), in_turn=in_turn)
    end = Packet("test", [b"end"], None, PacketKind.END)
    for index in range(2):
        mine = [n for n in range(9) if not in_turn or n % 2 == index]
        split.arrive(index, *(numbered("a", item, 99) for item in mine))
    split.arrive(1, end)
    if not in_turn:
        split.arrive(0, end)
    assert not split.shares.ended
    split.look(1.1)
    assert (split.shares.ended, split.shares.complete_until, split.shares.seen_until) == (True, 9, 9)
    closed = stream_layout(uniform(["a"], 8), "a")
    split.shares.close(closed, 9, split.now)
    for index, router in enumerate(split.routers):
        router.close(9)
        split.report(index)
    split.look(1.1)
    assert (split.shares.complete_until, split.losses) == (10, [])
    assert sum(router.counts.packets for router in split.routers) == 10


def test_what_another_stream_sent_beyond_the_end_of_this_one_is_lost_for_it() -> None:
    split = Split(open_ended(["a"]))
    split.deal(range(5), 99)
    split.arrive(0, Packet("test", [b"end"], None, PacketKind.END))
    split.look(1.1)
    split.shares.close(stream_layout(uniform(["a"], 8), "a"), 9, split.now)
    split.look()
    assert split.losses == [Loss(5, 9, "stream 'a' ended early: other streams went on")]


def test_when_all_have_stopped_what_came_is_known() -> None:
    split = Split()
    split.deal([0, 1, 2, 5])
    split.stopped = True
    split.report(0)
    assert not split.shares.stopped
    split.report(1)
    assert split.shares.stopped
    assert (split.shares.complete_until, split.lost) == (6, [(3, 5)])


MAPS = [
    uniform(["a"], FRAMES),
    uniform(["a"], FRAMES + 2, all_wrap=False),
    sparse(["b", "a"], 3 * FRAMES, every={"a": 3}),
]


@given(
    st.sampled_from(MAPS),
    st.integers(2, 4),
    st.sets(st.integers(1, FRAMES), max_size=6),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
    st.data(),
)
def test_any_dealing_and_any_interleaving_loses_what_one_ingester_would(
    trigger_map: TriggerMap, count: int, missing: set[int], dealing: list[int], data: st.DataObject
) -> None:
    alone = StreamRouter("a", stream_layout(trigger_map, "a"), Retention(GENEROUS))
    sent = [numbered("a", item, LAST) for item in range(LAST + 1) if item not in missing]
    alone.arrive(sent)
    split = Split(trigger_map, count)
    queues: list[list[Packet]] = [[] for _ in range(count)]
    for packet, share in zip(sent, dealing, strict=False):
        queues[share % count].append(packet)
    while any(queues):
        index = data.draw(st.sampled_from([index for index in range(count) if queues[index]]))
        split.arrive(index, queues[index].pop(0))
    split.look(1.1)
    expected = RangeSet((loss.first, loss.stop) for loss in alone.take_losses())
    assert RangeSet(split.lost) == expected
    assert split.shares.complete_until == alone.complete_until
    assert split.shares.gaps == alone.counts.gaps == len(missing)
    assert sum(router.counts.packets for router in split.routers) == alone.counts.packets

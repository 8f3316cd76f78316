"""Where a stream goes on behind the death of its ingester, told by its packets."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.assignment import Span
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.numbering import Numbering
from beamloom.engine.streams.packet_rows import PacketRow, rows_of
from beamloom.engine.streams.rejoining import Rejoin, Rejoining
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.router import StreamRouter
from beamloom.engine.streams.streamplan import ENDLESS
from beamloom.events import Packet, PacketKind
from beamloom.spool.packets import DiskSpool
from beamloom.triggermap import uniform

TOTAL = 10


def rejoining(*, seen: bool = True, over: bool = False, leased_until: int = 4) -> Rejoining:
    layout = stream_layout(uniform(["a"], TOTAL - 2), "a")
    return Rejoining("a", layout, Rejoin("it was killed", leased_until, seen, over))


def numbering(*, rearms: bool = False) -> Numbering:
    one = Numbering(wrapped=True, rearms=rearms)
    one.last_item = TOTAL - 1
    return one


def packet(number: int | None, kind: PacketKind = PacketKind.DATA) -> Packet:
    return Packet("test", [b"frame"], number, kind)


def test_a_numbered_packet_says_where_the_stream_is_and_one_behind_the_run_is_none_of_it() -> None:
    one = rejoining()
    assert one.place(packet(5), numbering()) == 5
    assert one.place(packet(TOTAL - 1), numbering()) == TOTAL - 1
    assert one.place(packet(TOTAL), numbering()) is None
    assert one.astray is None


def test_without_numbers_nobody_knows_where_the_stream_is_which_is_said_once() -> None:
    one = rejoining()
    assert one.place(packet(None), numbering()) is None
    assert one.astray == (
        "it was killed; the packets of stream 'a' have no numbers, so nobody knows for which events they came after that; "
        "begin the run anew"
    )


@pytest.mark.parametrize(("seen", "rearms"), [(False, False), (False, True), (True, False)])
def test_a_start_packet_that_can_only_be_the_first_says_where_the_stream_is(seen: bool, rearms: bool) -> None:
    one, places = rejoining(seen=seen), numbering(rearms=rearms)
    assert one.place(packet(None, PacketKind.START), places) == 0
    assert one.place(packet(None), places) is not None
    assert one.astray is None


def test_a_start_packet_of_one_of_many_series_says_nothing() -> None:
    one = rejoining(seen=True)
    assert one.place(packet(None, PacketKind.START), numbering(rearms=True)) is None
    assert one.astray is not None


def test_an_end_packet_without_a_number_is_the_last_one_where_there_is_a_last_one() -> None:
    assert rejoining().place(packet(None, PacketKind.END), numbering()) == TOTAL - 1
    one, endless = rejoining(), Numbering(wrapped=True)
    assert one.place(packet(None, PacketKind.END), endless) is None
    assert one.astray is not None


def test_what_somebody_lacks_is_told_once_when_the_device_has_passed_it() -> None:
    one = rejoining(leased_until=4)
    assert one.unknown
    one.claim(1, 3)
    assert one.take_due() == []
    one.found(6)
    assert one.take_due() == [(1, 3), (4, 6)]
    assert one.take_due() == []
    one.looking = False
    one.claim(2, 9)
    assert one.take_due() == [(2, 6)]
    one.found(5)
    assert one.until == 6


@pytest.mark.parametrize("over", [True, False])
def test_when_nothing_more_comes_all_that_somebody_lacks_is_due(over: bool) -> None:
    one = rejoining(over=over)
    assert one.unknown
    one.claim(1, 3)
    if not over:
        one.give_up()
    assert not one.looking
    assert one.until == ENDLESS
    assert one.unknown == over
    assert one.take_due() == [(1, 3)]
    assert one.at_dead_end("nothing came") == "it was killed; nothing came"


def test_what_nobody_has_is_lost_where_the_stream_was_to_have_a_packet() -> None:
    one = rejoining()
    behind = ", or was sent while nobody listened"
    assert one.losses([(1, 3), (8, 20)], written_ahead=False) == [
        Loss(1, 3, f"it was killed; the packet was in its memory or on its way to it{behind}"),
        Loss(8, TOTAL, f"it was killed; the packet was in its memory or on its way to it{behind}"),
    ]
    assert one.losses([(1, 3)], written_ahead=True) == [
        Loss(1, 3, f"it was killed; the packet was on its way to it{behind}")
    ]


def test_what_is_on_disk_tells_how_far_the_device_was_though_it_sends_no_more(tmp_path: Path) -> None:
    """Two ingesters have died, each with packets that it had not read yet; the second before it could tell of those of the first."""
    layout = stream_layout(uniform(["a"], TOTAL - 2), "a")
    former = DiskSpool(tmp_path, 1 << 20)
    (row,) = [row for row in rows_of([packet(6), packet(7)]) if isinstance(row, PacketRow)]
    Retention(1 << 20, spool=former, write_ahead=True).keep(6, row, 1)
    former.close()
    spool = DiskSpool(tmp_path, 1 << 20)
    kept = Retention(1 << 20, spool=spool, write_ahead=True)
    router = StreamRouter("a", layout, kept, rejoin=Rejoin("it was killed", 5, seen=True, over=False))
    deliveries = router.resync([Span(3, 2, "worker", 0, 1, 0, None)])
    router.claim([Span(3, 1, "worker", 0, 1, 0, None)])
    assert deliveries == []
    assert [(loss.first, loss.stop) for loss in router.take_losses()] == [(5, 6), (3, 4)]
    assert [delivery.first for delivery in router.assign([Span(6, 2, "worker", 0, 1, 0, None)])] == [6]
    spool.close()

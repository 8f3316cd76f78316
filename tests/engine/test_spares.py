"""Packets that are kept for a replay only: which go when there is no room, and who is told."""

from __future__ import annotations

from beamloom.engine.streams.packet_rows import row_of
from beamloom.engine.streams.retention import Retention
from beamloom.engine.streams.spares import ROOM_MADE, Spares
from beamloom.events import Packet

SIZE = 1000
EVENTS = 20


def kept(events: int = EVENTS) -> tuple[Retention, Spares]:
    """The packets of the first of the events; there is room for ``EVENTS`` of them."""
    retention = Retention(EVENTS * SIZE)
    spares = Spares(retention)
    retention.keep(0, row_of(Packet("test", [bytes(SIZE)], number) for number in range(events)), 1)
    spares.keep(0, events)
    return retention, spares


def events(retention: Retention) -> list[int]:
    return [event for piece in retention.within(0, EVENTS) for event in range(piece.first, piece.stop)]


def test_while_there_is_room_nothing_is_given_up() -> None:
    retention, spares = kept(EVENTS // 2)
    spares.add(0, EVENTS // 2)
    assert events(retention) == list(range(EVENTS // 2))
    assert not spares.given_up


def test_without_room_the_lowest_settled_ones_go_and_each_is_told_once() -> None:
    retention, spares = kept()
    spares.add(4, 12)
    gone = int(ROOM_MADE * EVENTS)
    assert events(retention) == [event for event in range(EVENTS) if not 4 <= event < 4 + gone]
    assert spares.given_up
    assert spares.take_given_up() == [(4, 4 + gone)]
    assert not spares.given_up
    assert spares.take_given_up() == []
    assert spares.all_given_up == [(4, 4 + gone)]
    spares.release(0, 6)
    assert spares.all_given_up == [(6, 4 + gone)]


def test_what_is_not_settled_is_never_given_up() -> None:
    retention, spares = kept()
    spares.add(18, EVENTS + 10)
    assert events(retention) == list(range(18))
    spares.make_room(SIZE * EVENTS)
    assert events(retention) == list(range(18))


def test_more_room_is_made_where_more_is_asked_for() -> None:
    retention, spares = kept()
    spares.add(0, EVENTS)
    spares.take_given_up()
    spares.make_room(SIZE * EVENTS // 2)
    assert events(retention) == list(range(EVENTS // 2, EVENTS))


def test_packets_are_needed_while_they_are_kept_and_not_only_for_a_replay() -> None:
    _, spares = kept(EVENTS // 2)
    spares.add(0, 8)
    assert spares.needed_from(0)
    assert spares.needed_from(9)
    assert not spares.needed_from(10)
    spares.add(8, 10)
    assert not spares.needed_from(0)

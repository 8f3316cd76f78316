"""When ingesters are told that events are settled."""

from __future__ import annotations

import math

from beamloom.services.controller.letting_go import LATER, LONGEST, MANY, LettingGo


def told(
    one: LettingGo, now: float, *, with_others: bool = False, at_once: bool = False
) -> list[tuple[int, int]]:
    return one.take(now, with_others=with_others, at_once=at_once)


def scattered(pieces: int) -> list[tuple[int, int]]:
    return [(2 * number, 2 * number + 1) for number in range(pieces)]


def test_it_is_told_with_other_orders_or_a_moment_later_alone() -> None:
    one = LettingGo()
    one.add([(0, 3), (5, 6)], 1.0)
    assert told(one, 1.0) == []
    assert told(one, 1.0, with_others=True) == [(0, 3), (5, 6)]
    assert one.wait(1.0) == math.inf
    one.add([(3, 5)], 2.0)
    one.add([(6, 7)], 2.0 + LATER / 2)
    assert math.isclose(one.wait(2.0 + LATER / 2), LATER / 2)
    assert told(one, 2.0 + 2 * LATER) == [(3, 5), (6, 7)]


def test_many_pieces_wait_until_the_gaps_between_them_have_closed() -> None:
    one = LettingGo()
    one.add(scattered(MANY + 1), 1.0)
    assert told(one, 1.0 + LATER, with_others=True) == []
    one.add([(first + 1, stop + 1) for first, stop in scattered(MANY + 1)], 1.0 + 2 * LATER)
    assert told(one, 1.0 + 2 * LATER) == [(0, 2 * (MANY + 1))]


def test_many_pieces_do_not_wait_for_long_nor_while_room_is_needed() -> None:
    one = LettingGo()
    one.add(scattered(MANY + 1), 1.0)
    assert told(one, 1.0 + 2 * LONGEST) == scattered(MANY + 1)
    one.add(scattered(MANY + 1), 2.0)
    assert told(one, 2.0, at_once=True) == scattered(MANY + 1)

"""Where a process looks for its controller."""

from __future__ import annotations

from beamloom.services.shell.membership import ATTEMPTS_EACH, REGISTER_EVERY, Membership
from beamloom.transport.memory import Exchange

FIRST, SECOND = "tcp://first:10500", "tcp://second:10500"


def test_of_several_controllers_each_is_asked_until_one_lets_the_process_in() -> None:
    exchange = Exchange()
    exchange.channel("controller")
    member = Membership(exchange.channel("worker-1"), f"{FIRST},{SECOND}", "worker-1", "worker")
    asked = []
    for attempt in range(4 * ATTEMPTS_EACH):
        member.turn(attempt * REGISTER_EVERY)
        asked.append(member.controller)
    assert asked[: ATTEMPTS_EACH - 1] == [FIRST] * (ATTEMPTS_EACH - 1)
    assert asked.count(FIRST) == asked.count(SECOND)
    member.welcomed()
    found = member.controller
    for attempt in range(4 * ATTEMPTS_EACH):
        member.turn(1000.0 + attempt)
    assert member.controller == found


def test_a_controller_that_has_taken_over_is_followed_and_asked_again_when_it_forgets() -> None:
    exchange = Exchange()
    exchange.channel("controller")
    member = Membership(exchange.channel("worker-1"), FIRST, "worker-1", "worker")
    member.welcomed()
    member.follow(SECOND)
    assert member.controller == SECOND
    member.turn(1000.0)
    assert member.controller == SECOND
    # It may be right or wrong about where others reach it.
    member.unknown(None)
    asked = set()
    for attempt in range(4 * ATTEMPTS_EACH):
        member.turn(attempt * REGISTER_EVERY)
        asked.add(member.controller)
    assert asked == {FIRST, SECOND}


def test_where_somebody_else_says_that_the_controller_is_it_is_asked_as_well() -> None:
    exchange = Exchange()
    exchange.channel("controller")
    member = Membership(exchange.channel("worker-1"), FIRST, "worker-1", "worker")
    member.sought = SECOND
    asked = []
    for attempt in range(4 * ATTEMPTS_EACH):
        member.turn(attempt * REGISTER_EVERY)
        asked.append(member.controller)
    assert asked.count(FIRST) == asked.count(SECOND)

"""Several readings at once give their items in the order in which they were asked for, no more ahead than is allowed, and never hang."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator

import pytest

from beamloom.devices.file_reading.background import Item, Reading
from beamloom.devices.file_reading.read_ahead import WAITS, Job, Step, in_order
from beamloom.events import Malformed
from support.patience import PATIENCE


def item(number: int) -> Malformed:
    return Malformed(str(number), [b""])


def gives(number: int) -> Job:
    return Job(f"item {number}", 10, lambda: [item(number)])


def numbers(items: list[Item]) -> list[int]:
    return [int(found.reason) for found in items if isinstance(found, Malformed)]


@pytest.mark.parametrize("readers", [1, 2, 5])
def test_items_come_in_the_order_in_which_they_were_asked_for(readers: int) -> None:
    gates = [threading.Event() for _ in range(6)]

    def late(number: int) -> list[Item]:
        # Each but the last of its three waits for the one behind it, where there are threads enough for that.
        if readers >= 3 and number % 3 < 2:
            assert gates[number + 1].wait(PATIENCE)
        gates[number].set()
        return [item(number)]

    def steps() -> Iterator[Step]:
        yield item(-1)
        for number in range(6):
            yield Job("", 1, functools.partial(late, number))
        yield item(6)
        yield WAITS

    got = list(in_order(steps(), Reading(), readers=readers, ahead_bytes=100, name="test"))
    assert numbers(got) == list(range(-1, 7))


def test_no_more_is_asked_for_than_may_be_ahead() -> None:
    asked = 0

    def steps() -> Iterator[Step]:
        nonlocal asked
        for number in range(100):
            asked += 1
            yield gives(number)

    for given, _ in enumerate(in_order(steps(), Reading(), readers=4, ahead_bytes=30, name="test")):
        assert asked - given <= 4


def test_everything_that_was_asked_for_goes_out_before_the_source_waits() -> None:
    given: list[int] = []

    def steps() -> Iterator[Step]:
        for number in range(5):
            yield gives(number)
        yield WAITS
        assert given == [0, 1, 2, 3, 4]

    for got in in_order(steps(), Reading(), readers=4, ahead_bytes=100, name="test"):
        given += numbers([got])


def test_a_reading_that_never_returns_does_not_keep_the_source_from_being_closed() -> None:
    reading, hangs = Reading(), threading.Event()

    def hanging() -> list[Item]:
        hangs.wait(PATIENCE)
        return [item(0)]

    def steps() -> Iterator[Step]:
        yield Job("", 1, hanging)
        reading.close()
        yield WAITS

    try:
        assert list(in_order(steps(), reading, readers=2, ahead_bytes=100, name="test")) == []
    finally:
        hangs.set()


def test_what_a_reading_raises_is_raised_where_its_items_would_come() -> None:
    def fails() -> list[Item]:
        raise ZeroDivisionError

    steps: list[Step] = [gives(0), Job("", 1, fails)]
    got: list[Item] = []
    with pytest.raises(ZeroDivisionError):
        got.extend(in_order(iter(steps), Reading(), readers=2, ahead_bytes=100, name="test"))
    assert numbers(got) == [0]

"""What a process does with its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from beamloom.services.shell.loop import EndOfService
from beamloom.services.shell.loop import serve as serve_loop
from beamloom.transport.channel import Received
from beamloom.transport.messages import Finished
from beamloom.transport.zeromq import ZmqChannel
from support.patience import PATIENCE


class Counting:
    """A service that wants a number of messages, and computes for each."""

    def __init__(self, wanted: int) -> None:
        self.left = wanted
        self.end = EndOfService()
        self.has_waited = threading.Event()
        self._before = -1

    def receive(self, received: Received, now: float) -> None:
        self.left -= 1
        if not self.left:
            self.end.ask("has them all")

    def turn(self, now: float) -> None:
        sum(range(20_000))
        if self.left == self._before:
            self.has_waited.set()
        self._before = self.left

    def wait(self, now: float) -> float:
        return 1.0

    def leave(self, reason: str, *, failed: bool = False) -> None:
        pass


@pytest.fixture
def channels() -> Iterator[tuple[ZmqChannel, ZmqChannel]]:
    one, other = ZmqChannel("one"), ZmqChannel("other")
    yield one, other
    one.close()
    other.close()


def test_the_time_of_a_loop_is_told_apart(channels: tuple[ZmqChannel, ZmqChannel]) -> None:
    sender, mailbox = channels
    sender.connect("other", mailbox.address)
    service = Counting(50)
    found: dict[str, float] = {}

    def serve() -> None:
        serve_loop(service, mailbox, end=service.end)
        found.update(mailbox.meter.figures())

    thread = threading.Thread(target=serve)
    thread.start()
    for place in range(50):
        if place == 49:
            assert service.has_waited.wait(PATIENCE)
        sender.send("other", Finished("r"))
        mailbox.wake()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert found["messages_received"] == sender.meter.sent == 50
    assert found["bytes_received"] >= 50 * len("Finished")
    assert found["turning_seconds"] > 0
    assert found["waiting_seconds"] > 0
    assert found["receiving_seconds"] >= 0


def test_the_processor_time_of_the_loop_is_part_of_that_of_the_process() -> None:
    channel = ZmqChannel("one")
    try:
        before = channel.meter.figures()
        while (now := channel.meter.figures())["cpu_seconds"] < before["cpu_seconds"] + 0.02:
            sum(range(10_000))
    finally:
        channel.close()
    # The system counts the one in ticks and the other at each switch.
    assert now["loop_cpu_seconds"] - before["loop_cpu_seconds"] > 0.005
    assert now["queued_seconds"] >= before["queued_seconds"]

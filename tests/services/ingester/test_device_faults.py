"""A device, which may be another package's, raises what no device should: a sentence says so, and nobody else suffers."""

from __future__ import annotations

from typing import Any

import pytest
import zmq

from beamloom.devices.registry import find_device
from beamloom.events import Malformed, Packet
from beamloom.services.ingester.preparation import Preparation
from beamloom.services.shell.loop import serve
from beamloom.transport.messages import Leaving
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, counts, series


class Faulty(Feed):
    """A device with a fault in one of its methods."""

    def __init__(self, where: str) -> None:
        super().__init__(series(4))
        self.where = where
        self.tried = 0

    def _fail(self, method: str) -> None:
        if method == self.where:
            raise zmq.ZMQError(24, "Too many open files")

    def open(self) -> None:
        self.tried += 1
        self._fail("open")
        super().open()

    def connected(self) -> bool:
        self._fail("connected")
        return super().connected()

    def read(self, limit: int) -> list[Packet | Malformed]:
        self._fail("read")
        return super().read(limit)

    def close(self) -> None:
        super().close()
        self._fail("close")


@pytest.mark.expects_errors
def test_a_device_that_fails_as_it_is_opened_refuses_the_run_and_the_next_one_goes_ahead() -> None:
    feed = Faulty("open")
    with Bench({"camera": feed}) as bench:
        refused = bench.try_to_arm(uniform(["camera"], 4))
        assert isinstance(refused, Exception)
        assert "stream 'camera': its device has failed with ZMQError: Too many open files" in str(refused)
        assert "look at the log of this ingester" in str(refused)
        assert feed.closed, "what it had opened is released"
        feed.where = ""
        assert counts(bench.play(uniform(["camera"], 4))) == (6, 0, 0)


def test_a_device_that_cannot_tell_whether_it_is_there_is_absent() -> None:
    feed = Faulty("connected")
    with Bench({"camera": feed}) as bench:
        refused = bench.try_to_arm(uniform(["camera"], 4))
        assert "whether its device is there cannot be told: ZMQError: Too many open files" in str(refused)
        feed.where = ""
        assert counts(bench.play(uniform(["camera"], 4))) == (6, 0, 0)


@pytest.mark.expects_errors
def test_a_device_that_cannot_be_let_go_of_keeps_no_run_from_its_end() -> None:
    feed = Faulty("close")
    with Bench({"camera": feed}) as bench:
        assert counts(bench.play(uniform(["camera"], 4))) == (6, 0, 0)
        feed.send(series(4))
        assert counts(bench.play(uniform(["camera"], 4))) == (6, 0, 0)


@pytest.mark.expects_errors
def test_a_device_that_arms_runs_is_released_each_time_that_it_cannot_be_opened() -> None:
    feed = Faulty("open")
    with Bench({}) as bench:
        bench.add_ingester("camera", feed, arms=True)
        bench.until(lambda: feed.closed >= 2)
        assert feed.closed == feed.tried


def test_a_device_that_is_not_installed_refuses_the_run() -> None:
    with Bench({"camera": Feed(series(4))}) as bench:
        ingester: Any = bench.services["camera-ingester"]
        ingester._open_source = lambda stream, settings: find_device("nonesuch").source(None)
        refused = bench.try_to_arm(uniform(["camera"], 4))
        assert "there is no device called 'nonesuch'" in str(refused)


@pytest.mark.expects_errors
def test_what_a_device_needs_between_runs_is_tried_again_whatever_it_raises() -> None:
    opened: list[float] = []
    now = 0.0

    def faulty() -> None:
        opened.append(now)
        if now < 2:
            raise zmq.ZMQError(98, "Address already in use")

    preparation = Preparation([("camera", faulty)])
    told = []
    for now in (0.0, 1.0, 2.0):
        if preparation.turn(now):
            told.append(preparation.fault)
    assert len(opened) == 3
    assert told[0] is not None
    assert told[0].startswith(
        "stream 'camera': its device has failed with ZMQError: Address already in use; look at"
    )
    assert told[1:] == [None]


@pytest.mark.expects_errors
def test_what_cannot_be_released_at_the_end_keeps_nothing_else_from_it() -> None:
    released: list[str] = []

    class Stuck:
        def close(self) -> None:
            raise zmq.ZMQError(9, "Bad file descriptor")

    class Free:
        def close(self) -> None:
            released.append("the other")

    preparation = Preparation([("other", Free), ("camera", Stuck)])
    preparation.turn(0.0)
    preparation.close()
    assert released == ["the other"]


def test_a_process_that_ends_by_an_error_says_which_one_as_it_leaves() -> None:
    feed = Faulty("")
    with Bench({"camera": feed}) as bench:
        bench.arm(uniform(["camera"], 4))
        feed.where = "read"
        ingester: Any = bench.services.pop("camera-ingester")
        channel = bench.channels.pop("camera-ingester")
        with pytest.raises(zmq.ZMQError):
            serve(ingester, channel)
        left = [one.message for one in bench.channels["controller"].receive(0.0)]
        said = [message for message in left if isinstance(message, Leaving)]
        reason = "failed with ZMQError: Too many open files as stream 'camera' was read"
        assert said == [Leaving(reason, failed=True)]

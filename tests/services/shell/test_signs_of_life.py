"""The thread of the signs of life: nothing that is logged ends it or the code that logs, and where it ends the process says so."""

from __future__ import annotations

import logging
import threading

import pytest

from beamloom.services.shell.heartbeat import Heartbeats, LogForwarder
from beamloom.services.shell.membership import Membership
from beamloom.settings import WorkerSettings
from beamloom.transport.controller_link import controller_link
from beamloom.transport.messages import Pulse, encode
from beamloom.transport.zeromq import ZmqChannel
from support.waiting import until


def test_a_line_of_the_log_that_cannot_be_put_together_fails_nobody_and_is_shown_as_it_was_given() -> None:
    forwarder = LogForwarder()
    log = logging.Logger("user")  # noqa: LOG001 - one that the others do not hear of
    log.addHandler(forwarder)
    log.info("%d frames", "three")
    (line,) = forwarder.take()
    assert line["msg"] == "%d frames ('three',)"


def test_a_line_of_any_length_costs_the_controller_little() -> None:
    forwarder = LogForwarder()
    log = logging.Logger("user")  # noqa: LOG001 - one that the others do not hear of
    log.addHandler(forwarder)
    log.info("a spectrum: %s", "1.25, " * 1_000_000)
    (line,) = forwarder.take()
    assert line["msg"].startswith("a spectrum: 1.25, 1.25, ")
    assert line["msg"].endswith(" ... (6,000,012 characters; the log of this process has all of them)")
    assert len(line["msg"]) < 11_000


def test_an_address_that_is_none_is_told_and_the_next_one_is_followed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    controller = ZmqChannel("controller")
    try:
        with controller_link("tcp://a host with spaces:5000", None, 0.0) as link:
            assert "'tcp://a host with spaces:5000' is no address" in caplog.text
            link.follow("tcp://a host with spaces:5000")
            link.follow("tcp://another host:5000")
            link.follow(controller.address)
            assert link.send(encode("worker@1", Pulse()))
            received = until(lambda: controller.receive(0.1), "no sign of life has arrived")
            assert [one.message for one in received] == [Pulse()]
    finally:
        controller.close()


@pytest.mark.expects_errors
def test_a_process_whose_signs_of_life_end_does_not_stay_behind_unheard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = threading.Event()

    def figures() -> dict[str, float]:
        asked.set()
        raise RuntimeError("planted")

    channel = ZmqChannel("worker@1")
    try:
        member = Membership(channel, channel.address, "worker", "worker")
        member.welcomed()
        beats = Heartbeats(channel, WorkerSettings(), member, figures)
        assert asked.wait(10)
        beats.close()
    finally:
        channel.close()
    assert member.ended is not None
    assert "signs of life" in member.ended
    assert "planted" in member.ended
    assert "RuntimeError: planted" in caplog.text

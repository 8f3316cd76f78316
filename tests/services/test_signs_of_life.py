"""The thread of the signs of life: nothing that is logged ends it or the code that logs, and where it ends the process says so."""

from __future__ import annotations

import logging
import threading

import pytest

from beamloom.services.shell.heartbeat import Heartbeats, LogForwarder
from beamloom.services.shell.membership import Membership
from beamloom.settings import WorkerSettings
from beamloom.transport.zeromq import ZmqChannel


def test_a_line_of_the_log_that_cannot_be_put_together_fails_nobody_and_is_shown_as_it_was_given() -> None:
    forwarder = LogForwarder()
    log = logging.Logger("user")  # noqa: LOG001 - one that the others do not hear of
    log.addHandler(forwarder)
    log.info("%d frames", "three")
    (line,) = forwarder.take()
    assert line["msg"] == "%d frames ('three',)"


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

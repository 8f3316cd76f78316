"""What waits for a controller that is away, or for somebody who reads the log, does not grow with time or with events."""

from __future__ import annotations

import logging
from collections import Counter

from beamloom.services.controller.logbook import LINES_KEPT, Logbook
from beamloom.services.ingester.stream_run import PROGRESS_EVERY
from beamloom.services.shell.heartbeat import LOG_LINES_KEPT, LogForwarder
from beamloom.transport.messages import Progress
from beamloom.triggermap import open_ended
from services.bench import STEP_SECONDS, Bench, Feed, frame, start

STEPS = 600


def test_a_log_that_nobody_takes_keeps_its_latest_lines() -> None:
    log = LogForwarder()
    for number in range(3 * LOG_LINES_KEPT):
        log.emit(logging.LogRecord("test", logging.INFO, __file__, 1, "line %d", (number,), None))
    lines = log.take()
    assert len(lines) == LOG_LINES_KEPT
    assert lines[-1]["msg"] == f"line {3 * LOG_LINES_KEPT - 1}"
    assert log.take() == []


def test_a_logbook_keeps_its_latest_lines_and_counts_all() -> None:
    book = Logbook(lambda entry: None)
    for number in range(3 * LINES_KEPT):
        book.keep("worker-1", [{"msg": str(number)}])
    assert len(book.lines) == LINES_KEPT
    assert book.count == 3 * LINES_KEPT
    assert book.lines[-1] == {"msg": str(3 * LINES_KEPT - 1), "service": "worker-1"}


def test_what_waits_for_a_controller_that_is_away_is_bounded_by_time_and_not_by_packets() -> None:
    feed = Feed([start()])
    with Bench({"camera": feed}) as bench:
        bench.arm(open_ended(["camera"]))
        bench.until(lambda: bench.reduced() == 1)
        bench.still.add("controller")
        for number in range(1, STEPS + 1):
            feed.send([frame(20 * number + one) for one in range(20)])
            bench.step()
        waiting = Counter(type(received.message) for received in bench.channels["controller"].receive(0.0))
    # Leases end with the controller, and with them what workers and the reducer have to tell.
    reports = STEPS * STEP_SECONDS / PROGRESS_EVERY
    assert reports / 2 < waiting[Progress] < 2 * reports
    assert sum(waiting.values()) < 4 * reports

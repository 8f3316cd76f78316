"""What a panel hears of the analysis, whatever becomes of what it does with that."""

from __future__ import annotations

import json
import logging
import threading

import pytest

from beamloom.client import Feedback
from beamloom.control.panels.listening import Listening
from beamloom.triggermap import uniform
from control.live import Live
from control.test_feedback_over_http import EVENTS, Advising
from services.bench import series
from support.patience import PATIENCE


def test_a_panel_that_cannot_tell_a_piece_hears_the_next_one(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[int] = []
    begun, through = threading.Event(), threading.Event()

    def tell(one: Feedback) -> None:
        heard.append(one.number)
        begun.set()
        if one.number == 1:
            raise RuntimeError("the event system is not there")
        if one.kind == "quality_reached":
            through.set()

    with Live(reducer=Advising) as live:
        listening = Listening(live.root, PATIENCE, tell)
        try:
            live.arm(json.loads(uniform(["eiger"], EVENTS).encode()), all_wrap="false")
            messages = series(EVENTS)
            live.do(lambda: live.feeds["eiger"].send(messages[:4]))
            # It hears all of a run that goes on, and nothing of one that has ended.
            assert begun.wait(PATIENCE)
            live.do(lambda: live.feeds["eiger"].send(messages[4:]))
            assert through.wait(PATIENCE)
        finally:
            listening.stop()
    assert heard == list(range(1, len(heard) + 1))
    assert len(heard) > EVENTS
    (told,) = [record for record in caplog.records if record.name == "beamloom.control.panels.listening"]
    assert told.levelno == logging.WARNING
    assert "the event system is not there" in (told.exc_text or "")

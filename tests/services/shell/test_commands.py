"""Calls of other threads are made by the service, or refused once it ends: nobody waits for an answer that never comes."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from beamloom.services.controller.commands import Commands, ServiceEnds


def test_calls_that_wait_when_the_service_ends_and_all_that_come_later_are_refused() -> None:
    commands = Commands(lambda: None)
    made = commands.ask(lambda: "made")
    commands.carry_out()
    waits = commands.ask(lambda: "never")
    commands.end("told to end by SIGTERM")
    late = commands.ask(lambda: "never")
    assert made.result(0) == "made"
    for refused in (waits, late):
        with pytest.raises(ServiceEnds, match=r"this process ends \(told to end by SIGTERM\); ask again"):
            refused.result(0)


def test_each_call_is_answered_however_the_end_falls_between_them() -> None:
    commands = Commands(lambda: None)
    answers: list[Future[int]] = []
    asking = threading.Thread(target=lambda: answers.extend(commands.ask(int) for _ in range(2000)))
    asking.start()
    for _ in range(100):
        commands.carry_out()
    commands.end("over")
    asking.join()
    assert all(answer.done() for answer in answers)

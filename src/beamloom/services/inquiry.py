"""Questions of the controller to all processes about one event, and their answers, for whoever asked.

A process that is busy answers late or not at all; that is part of the answer, and nobody waits for it longer than ``PATIENCE``.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

from beamloom.transport.channel import Channel
from beamloom.transport.messages import Explain, Explained

PATIENCE = 1.0
"""Seconds in which processes have to answer."""
MOST_AT_ONCE = 64

Answers = dict[str, dict[str, Any] | None]
"""By process id; None of one that has not answered."""


class _Inquiry:
    def __init__(self, peers: Iterable[str], deadline: float, reply: Callable[[Answers], None]) -> None:
        self.answers: Answers = dict.fromkeys(peers)
        self.deadline = deadline
        self.reply = reply

    @property
    def complete(self) -> bool:
        return None not in self.answers.values()


class Inquiries:
    """All questions that wait for answers."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)
        self._open: dict[int, _Inquiry] = {}

    def begin(
        self, run: str, event: int, peers: Iterable[str], now: float, reply: Callable[[Answers], None]
    ) -> None:
        """Ask these processes about an event; ``reply`` is called once, with what they said."""
        while len(self._open) >= MOST_AT_ONCE:
            self._end(next(iter(self._open)))
        number = next(self._numbers)
        inquiry = self._open[number] = _Inquiry(peers, now + PATIENCE, reply)
        for peer in inquiry.answers:
            try:
                self._channel.send(peer, Explain(run, event, number))
            except KeyError:
                inquiry.answers[peer] = {}
        if inquiry.complete:
            self._end(number)

    def hear(self, sender: str, answer: Explained) -> None:
        """A process has answered."""
        inquiry = self._open.get(answer.question)
        if inquiry is not None and sender in inquiry.answers:
            # How long ago something was is said as of now; others may keep the whole answer waiting.
            inquiry.answers[sender] = {**answer.known, "heard_at": time.time()}
            if inquiry.complete:
                self._end(answer.question)

    def turn(self, now: float) -> None:
        """End what has waited for long enough."""
        for number in [number for number, one in self._open.items() if now >= one.deadline]:
            self._end(number)

    def _end(self, number: int) -> None:
        inquiry = self._open.pop(number)
        inquiry.reply(inquiry.answers)

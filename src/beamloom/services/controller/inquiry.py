"""Questions of the controller to processes, about one event, streams or for a trace, and their answers, for whoever asked.

A process that is busy answers late or not at all; that is part of the answer, and nobody waits for it longer than ``PATIENCE``.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from beamloom.transport.channel import Channel
from beamloom.transport.messages import Explain, Explained, Look, Trace
from beamloom.transport.tracing import Tracer

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
        self._ask(peers, now, reply, lambda number: Explain(run, event, number))

    def look(
        self,
        run: str | None,
        event: int | None,
        peers: Iterable[str],
        now: float,
        reply: Callable[[Answers], None],
    ) -> None:
        """Ask these ingesters how their streams are, and when the packets of an event came; ``reply`` is called once."""
        self._ask(peers, now, reply, lambda number: Look(number, run, event))

    @property
    def traces(self) -> bool:
        """Whether a trace was begun."""
        return self._channel.meter.tracer is not None

    def begin_traces(self, peers: Iterable[str], spans: int) -> None:
        """Have these processes, and this one, keep the last ``spans`` things that they do."""
        self._channel.meter.tracer = Tracer(spans)
        for peer in peers:
            with suppress(KeyError):
                self._channel.send(peer, Trace(0, spans))

    def gather_traces(
        self, peers: Iterable[str], now: float, reply: Callable[[dict[str, Any], Answers], None]
    ) -> None:
        """End the traces; ``reply`` is called once, with what this process has kept and what the others said."""
        tracer, self._channel.meter.tracer = self._channel.meter.tracer, None
        own = {} if tracer is None else tracer.told()
        self._ask(peers, now, lambda answers: reply(own, answers), lambda number: Trace(number, 0))

    def _ask(
        self,
        peers: Iterable[str],
        now: float,
        reply: Callable[[Answers], None],
        question: Callable[[int], Explain | Look | Trace],
    ) -> None:
        while len(self._open) >= MOST_AT_ONCE:
            self._end(next(iter(self._open)))
        number = next(self._numbers)
        inquiry = self._open[number] = _Inquiry(peers, now + PATIENCE, reply)
        for peer in inquiry.answers:
            try:
                self._channel.send(peer, question(number))
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

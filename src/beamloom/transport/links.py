"""What keeps the order of messages, and loses none, while connections between living processes break.

A connection that is reset takes with it what was in the buffers of the kernel, and the next one goes on behind that. So whoever sends to a
mailbox numbers what it sends there and keeps it until the mailbox has said that it has it. The mailbox takes each number once and in
order; where one is missing it says up to where it has all, and everything behind that is sent again. Whoever has had no answer for a
while asks for one, so that nothing is missed because nothing follows it.

Each message begins with a stamp: what it is, of which link, the number, and how often the link has sent again. A mailbox that does not
know a link that has been answered before belongs to a new process: it begins with what comes first, as what an earlier life was told
is not for this one.

Between processes of one machine there are two ways (``nearby``), and a message may overtake another one that goes the longer way. So of a
link of which something has come by the short way, what is early is held until all before it is there, or somebody asks.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

STAMP = struct.Struct("<BQQI")
"""Kind, link, number and round."""
ANSWER = struct.Struct("<QQIB")
"""Link, the number up to which all is there, the round of what is answered, and whether something is missing."""
NUMBERED, NUMBERED_FIRST, QUESTION, QUESTION_FIRST = 1, 2, 3, 4
"""A message, and a question for an answer; those with FIRST are of a link that has had none yet."""
MESSAGES = frozenset((NUMBERED, NUMBERED_FIRST))
KINDS = frozenset((NUMBERED, NUMBERED_FIRST, QUESTION, QUESTION_FIRST))
ANSWER_EVERY = 64
"""Messages after which a mailbox says what it has without being asked; each counts once more for every 16 KiB of it, so that a
megabyte is answered for, too."""
OWED_SHIFT = 14
MOST_EARLY = 4096
"""Messages of one link that are held as others go before them."""
MOST_LINKS = 10_000
"""Links that a mailbox remembers: those that asked longest ago are forgotten first, so that strangers cannot fill its memory."""


class Answer(NamedTuple):
    """What a mailbox says of one link."""

    link: int
    received: int
    """All up to this number is there."""
    round: int
    """How often the link had sent again before what is answered."""
    missing: int
    """Whether something is missing behind it."""


class Answering(Protocol):
    """A connection that answers are given to by itself."""

    def answer(self, answer: bytes) -> None:
        """Give an answer."""


Connection = bytes | Answering
"""Where messages come from: as ZeroMQ names it, or the caller of the short way."""
Held = tuple[Connection, Sequence[Any]]
"""A message that was early: where it came from, and its frames."""


class _Link:
    __slots__ = ("asked_for", "connection", "early", "near", "owed", "received")

    def __init__(self, received: int) -> None:
        self.received = received
        self.owed = 0
        self.asked_for = -1
        """The last round of which something was said to be missing."""
        self.connection: Connection = b""
        self.near = False
        """Whether something has come by the short way."""
        self.early: dict[int, tuple[Held, int]] = {}
        """By number, what is held, with its size."""


class Arrivals:
    """What has come to one mailbox, by link."""

    def __init__(self) -> None:
        self.answers: list[tuple[Connection, bytes]] = []
        """What is to be said, each with the connection that it is for; who sends it takes it away."""
        self.released: list[Held] = []
        """What was held and is next by now, in order, to be taken behind the message that it waited for; who takes it empties this."""
        self._links: dict[int, _Link] = {}

    def take(self, connection: Connection, stamp: bytes, size: int, frames: Sequence[Any] = ()) -> bool:
        """Whether this is the next message of its link; else it is none, was there already, or is early. ``size`` is in bytes.

        ``frames`` are held where it is early and may be.
        """
        kind, name, number, round_ = STAMP.unpack_from(stamp)
        link = self._links.get(name)
        if link is None:
            link = self._begin(kind, name, number)
        link.connection = connection
        if connection.__class__ is not bytes:
            link.near = True
        if kind in MESSAGES:
            if number == link.received + 1:
                self._took(name, link, round_, size)
                if link.early:
                    self._release(name, link, round_)
                return True
            if number > link.received:
                if link.near and len(link.early) < MOST_EARLY:
                    link.early[number] = (connection, frames), size
                elif round_ > link.asked_for:
                    self._answer(name, link, round_, missing=True)
            return False
        self._links[name] = self._links.pop(name)
        self._answer(name, link, round_, missing=number > link.received)
        return False

    def _took(self, name: int, link: _Link, round_: int, size: int) -> None:
        link.received += 1
        link.owed += 1 + (size >> OWED_SHIFT)
        if link.owed >= ANSWER_EVERY:
            self._answer(name, link, round_, missing=False)

    def _release(self, name: int, link: _Link, round_: int) -> None:
        while (held := link.early.pop(link.received + 1, None)) is not None:
            self.released.append(held[0])
            self._took(name, link, round_, held[1])
        if link.early and min(link.early) <= link.received:
            link.early = {number: held for number, held in link.early.items() if number > link.received}

    def _begin(self, kind: int, name: int, number: int) -> _Link:
        before = {NUMBERED: number - 1, QUESTION: number}.get(kind, 0)
        link = self._links[name] = _Link(max(0, before))
        if len(self._links) > MOST_LINKS:
            del self._links[next(iter(self._links))]
        return link

    def _answer(self, name: int, link: _Link, round_: int, *, missing: bool) -> None:
        link.owed = 0
        if missing:
            link.asked_for = max(link.asked_for, round_)
        self.answers.append((link.connection, ANSWER.pack(name, link.received, round_, missing)))

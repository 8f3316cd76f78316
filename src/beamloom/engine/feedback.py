"""What the analysis of a run says beside its result: stop, go there next, this is good enough, beware.

Invariants: each piece of feedback has a number within its run, counted from 1 in the order in which the reducer came to it. The reducer
keeps what the controller has not acknowledged and sends it again; the controller takes number after number, and what it has it does not
take again. So each piece comes to the controller exactly once and in order, whichever of the two dies.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec

STOP = "stop"
"""The kind that ends the run."""
WARNING = "warning"
"""The kind that people are to see."""
MOST_KEPT = 10_000
"""Pieces of feedback of one run that its controller keeps; the oldest go first."""
MOST_BYTES_KEPT = 4 << 20
"""Bytes that their payloads may take together."""
MOST_WORDS = 300
"""Characters of a payload that are shown in a sentence."""


class Spoken(msgspec.Struct, array_like=True):
    """What user code has said, before it counts."""

    kind: str
    payload: bytes
    """JSON."""
    at: float
    """When it was said, as Unix time (s) of the machine on which it was."""
    event: int | None
    """With which event; None where a hook said it that belongs to none."""


class Feedback(msgspec.Struct, array_like=True, frozen=True):
    """One piece of feedback of a run."""

    number: int
    """Counted from 1 in the run."""
    kind: str
    payload: bytes
    """JSON."""
    event: int | None
    """The event that decided it; None where a hook did that belongs to none."""
    by: str
    """Who said it: the name of a worker or of the reducer."""
    at: float
    """When, as Unix time (s) of the machine on which it was said."""

    @property
    def words(self) -> str:
        """The payload for people, in one line; empty where there is none."""
        return words_of(msgspec.json.decode(self.payload))

    def __str__(self) -> str:
        return sentence_of(self.kind, self.event, self.words)

    def to_json(self, run: str) -> dict[str, Any]:
        """The fields of its ``FeedbackPiece``; the payload is not decoded."""
        return {
            "run": run,
            "number": self.number,
            "kind": self.kind,
            "payload": msgspec.Raw(self.payload),
            "event": self.event,
            "by": self.by,
            "at": self.at,
        }


class FeedbackPiece(msgspec.Struct, frozen=True):
    """One piece of feedback, as all see it who ask."""

    run: str
    number: int
    """Counted from 1 in the run."""
    kind: str
    """``stop``, ``next_position``, ``quality_reached``, ``warning``, or what the analysis calls it."""
    payload: Any
    """What was said, as JSON has it."""
    event: int | None
    """The event that decided it; None where a timer or the end of the run did."""
    by: str
    """The worker or reducer that said it."""
    at: float
    """When, as Unix time in seconds, by its own clock."""


def sentence_of(what: str, event: int | None, words: str) -> str:
    """A piece of feedback for people, such as ``stop at event 12: three are enough``; ``what`` it is, where it has both, and its words."""
    place = "" if event is None else f" at event {event}"
    return f"{what}{place}{': ' if words else ''}{words}"


def words_of(payload: Any) -> str:
    """What a payload says, in one line: a text as it is, of a mapping its ``reason`` or ``message`` first."""
    if payload is None:
        return ""
    if isinstance(payload, dict):
        said = [str(payload[name]) for name in ("reason", "message") if payload.get(name)]
        rest = [
            f"{name}={_short(value)}" for name, value in payload.items() if name not in ("reason", "message")
        ]
        text = " ".join([*said, f"({', '.join(rest)})" if said and rest else ", ".join(rest)]).strip()
    else:
        text = _short(payload)
    text = " ".join(text.split())
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]}..."


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else msgspec.json.encode(value).decode()


class FeedbackState(msgspec.Struct, frozen=True):
    """All that a log knows."""

    last: int = 0
    forgotten: int = 0
    kept: list[Feedback] = []


class FeedbackLog:
    """What the controller has heard of one run."""

    def __init__(self, state: FeedbackState | None = None) -> None:
        state = state or FeedbackState()
        self.last = state.last
        """The number of the latest; 0 before there is one."""
        self.forgotten = state.forgotten
        """All up to this number are not kept here any more, or were told to a controller that did not pass them on."""
        self._kept: deque[Feedback] = deque(state.kept)
        self._bytes = sum(len(one.payload) for one in state.kept)

    def take(self, after: int, told: Iterable[Feedback]) -> list[Feedback]:
        """The reducer has told these, and that all up to ``after`` were acknowledged; returns those that are new.

        Those behind a gap are left: they come again with what is missing.
        """
        if after > self.last:
            self.last = self.forgotten = after
            self._kept.clear()
            self._bytes = 0
        new: list[Feedback] = []
        for one in told:
            if one.number == self.last + 1:
                self.last = one.number
                new.append(one)
        self._kept += new
        self._bytes += sum(len(one.payload) for one in new)
        while len(self._kept) > MOST_KEPT or (self._bytes > MOST_BYTES_KEPT and len(self._kept) > 1):
            gone = self._kept.popleft()
            self._bytes -= len(gone.payload)
            self.forgotten = gone.number
        return new

    def since(self, number: int, most: int = MOST_KEPT) -> list[Feedback]:
        """Those behind this number that are kept, in order, ``most`` of them at most."""
        count = len(self._kept)
        first = count - (self.last - number) if number > self.forgotten else 0
        return [self._kept[place] for place in range(max(first, 0), min(max(first, 0) + most, count))]

    def of(self, kind: str) -> list[Feedback]:
        """Those of one kind that are kept, in order."""
        return [one for one in self._kept if one.kind == kind]

    @property
    def state(self) -> FeedbackState:
        """All that it knows, for another one to go on from."""
        return FeedbackState(self.last, self.forgotten, list(self._kept))


class Untold:
    """What the reducer of one run has come to, and the controller has not acknowledged."""

    def __init__(self, acknowledged: int = 0) -> None:
        """``acknowledged``: all up to this number were taken by a controller."""
        self.acknowledged = acknowledged
        self._last = acknowledged
        self._ready = acknowledged
        self._waiting: deque[Feedback] = deque()

    def add(self, one: Spoken, by: str) -> Feedback:
        """Give a number to what was said; it is not ready to be told yet."""
        self._last += 1
        new = Feedback(self._last, one.kind, one.payload, one.event, by, one.at)
        self._waiting.append(new)
        return new

    def restore(self, told: Iterable[Feedback], acknowledged: int = 0) -> None:
        """A former life had come to these; all up to ``acknowledged`` were taken by a controller."""
        self.acknowledged = max(self.acknowledged, acknowledged)
        self._last = max(self._last, acknowledged)
        for one in told:
            if one.number > self._last:
                self._last = one.number
                self._waiting.append(one)
        self.ready(self._last)

    def ready(self, until: int) -> None:
        """All up to this number are kept, so that another life comes to the same; they may be told."""
        self._ready = max(self._ready, until)

    def heard(self, number: int) -> None:
        """The controller has all up to this number."""
        self.acknowledged = max(self.acknowledged, min(number, self._last))
        while self._waiting and self._waiting[0].number <= number:
            self._waiting.popleft()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting(self) -> list[Feedback]:
        """All that is not acknowledged, ready or not."""
        return list(self._waiting)

    def to_tell(self, after: int) -> list[Feedback]:
        """What is ready and not acknowledged, behind this number."""
        found = itertools.takewhile(lambda one: one.number > after, reversed(self._waiting))
        return [one for one in found if one.number <= self._ready][::-1]

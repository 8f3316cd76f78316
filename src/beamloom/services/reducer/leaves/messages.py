"""What the reducer and its leaves tell each other, over a socket that nobody else reaches."""

from __future__ import annotations

import msgspec

from beamloom.engine.feedback import Spoken
from beamloom.services.reducer.acknowledging import Delivered
from beamloom.services.reducer.last_words import Deaths
from beamloom.transport.messages import Arm, Failed, Results


class _Said(msgspec.Struct, tag=True, array_like=True):
    pass


class Begin(_Said):
    """A run begins: make everything new. Answered by ``Told`` with what is published before the first result."""

    ticket: int
    arm: Arm
    peer: str
    """The reducer's own, which is blamed for hooks that belong to no event."""
    deadly: list[tuple[int, int, Deaths]]
    """Slot and event of the deliveries whose results are set aside."""


class Epoch(_Said):
    """Parameters have changed, or an earlier epoch is told late."""

    epoch: int
    values: dict[str, bytes]


class Take(_Said):
    """Reduce these results, whose frames follow, but for those deliveries that were taken before. Answered by ``Took``."""

    ticket: int
    worker: str
    results: Results
    known: list[tuple[int, int, int]]
    """Slot, first event, one past the last."""


class Ask(_Said):
    """Call a hook that belongs to no event, or show what is published. Answered by ``Told``; a state to restore follows as frames."""

    ticket: int
    what: str
    """``publish``, ``checkpoint``, ``restore``, ``timers``, ``repeat_timer``, ``finish`` or ``close``."""


class Took(_Said):
    """What became of results."""

    ticket: int
    reduced: list[Delivered]
    failed: list[Failed]
    said: list[tuple[Spoken, str]]
    """What the analysis has said with them, and by whom."""
    processed: int
    last_event: int
    seconds: float
    """Time that it took."""


class Told(_Said):
    """The answer to ``Begin`` and ``Ask``; what is published, or the state, follows as frames where there is anything new."""

    ticket: int
    problem: str | None = None
    failed: list[Failed] = []
    said: list[tuple[Spoken, str]] = []


class Timed(_Said):
    """The timer was called."""

    failed: list[Failed]
    said: list[tuple[Spoken, str]]


Request = Begin | Epoch | Take | Ask
Answer = Took | Told | Timed

encode = msgspec.msgpack.Encoder().encode
request_of = msgspec.msgpack.Decoder(Request).decode
answer_of = msgspec.msgpack.Decoder(Answer).decode

"""Puts the messages of a LeCroy oscilloscope together into sequences, and numbers these.

Each message counts the traces messages before it, so a lost message costs the sequence that it belonged to and no other: its place stays
empty and the sequences after it keep theirs.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.images import size_in_bytes
from beamloom.devices.pickles.unpickle import unpickle_outline
from beamloom.events import Malformed, Packet, PacketKind

TYP: Final = "lecroy_9fwdWp6Rq7"

CONTINUOUS: Final = -1
"""``ntriggers`` when one message 1 stands for all sequences."""


class Message(msgspec.Struct, gc=False):
    """What tells the kind and the place of a message."""

    htype: str
    what: int | None = None
    frame: int | None = None
    ntriggers: int | None = None
    channels: tuple[int, ...] | None = None
    ch: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None


_decode = msgspec.json.Decoder(Message).decode


def _read(frames: list[Any]) -> Message:
    try:
        message = _decode(frames[0])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPacket(f"the first frame is no JSON header: {error}") from None
    match message.htype, message.what, len(frames):
        case ("msg", 0 | 1 | 2 | 3, 1) | ("traces", _, 3):
            return message
        case "msg", 0 | 1 | 2 | 3, count:
            raise MalformedPacket(f"a control message has one frame, this one has {count}")
        case "traces", _, count:
            raise MalformedPacket(f"traces come in 3 frames, these in {count}")
        case htype, what, _:
            raise MalformedPacket(
                f"the header has htype {htype!r} and what {what!r}; known are traces, and msg with 0 to 3"
            )


def _check_traces(message: Message, frames: list[Any]) -> None:
    if message.shape is None or message.dtype is None:
        raise MalformedPacket("the header of the traces has no shape or no dtype")
    expected = size_in_bytes(message.shape, message.dtype)
    if len(frames[1]) != expected:
        raise MalformedPacket(
            f"the traces have {len(frames[1])} bytes, but shape {list(message.shape)} of {message.dtype} takes {expected}"
        )
    times = unpickle_outline(frames[2])
    if not isinstance(times, list | tuple):
        raise MalformedPacket(f"the third frame holds a {type(times).__name__}, not the list of times")


class LecroyReader:
    """Tells what the messages are; one packet for each whole sequence."""

    def __init__(self) -> None:
        self._series = _Series(None)

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append what the message completes: nothing inside a sequence, two items when it shows that one broke off."""
        try:
            message = _read(frames)
        except MalformedPacket as problem:
            items.append(Malformed(str(problem), frames))
            return
        series = self._series
        if message.htype == "traces":
            series.take_traces(message, frames, items)
            return
        match message.what:
            case 0:
                series.break_off(items)
                self._series = _Series(message.frame)
                items.append(Packet(TYP, frames, None, PacketKind.START))
            case 1:
                series.break_off(items)
                series.begin(message, frames)
            case 2:
                items.append(series.complete(message, frames))
            case _:
                series.break_off(items)
                items.append(Packet(TYP, frames, series.place_of_end(message), PacketKind.END))


class _Series:
    """The sequences between two preparations. ``base`` is the count of traces messages at the first."""

    def __init__(self, base: int | None) -> None:
        self._base = base
        self._begin: Message | None = None
        self._begin_frames: list[Any] = []
        self._begin_is_used = False
        self._traces: list[Any] = []
        self._seen: list[int | None] = []
        self._number: int | None = None
        self._problem: str | None = None
        self._last = 0

    def begin(self, message: Message, frames: list[Any]) -> None:
        """A sequence begins; in continuous acquisition all of them do."""
        if self._begin is None and self._base is not None and message.frame is not None:
            # Whatever the preparation counted, its series begins no later than its first sequence.
            self._base = min(self._base, message.frame)
        self._begin, self._begin_frames, self._begin_is_used = message, frames, False

    def take_traces(self, message: Message, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """One channel of the present sequence, or the first of the next if this channel was there already."""
        number = self._number_at(message)
        if self._traces and (message.ch in self._seen or number != self._number):
            self.break_off(items)
        self._number = number
        self._seen.append(message.ch)
        self._traces += frames
        try:
            _check_traces(message, frames)
        except MalformedPacket as problem:
            self._problem = self._problem or str(problem)

    def complete(self, message: Message, frames: list[Any]) -> Packet | Malformed:
        """The present sequence has ended."""
        problem = self._problem or self._what_is_missing()
        begun = self._number
        if message.frame is None or self._base is None:
            self._last += 1
        collected = [*self._begin_frames, *self._traces, *frames]
        self._clear()
        if problem is not None:
            return Malformed(problem, collected)
        try:
            number = self._sequences_until(message)
        except MalformedPacket as error:
            return Malformed(str(error), collected)
        if begun is not None and begun != number:
            return Malformed(
                f"the traces of sequence {begun} are followed by the end of sequence {number}", collected
            )
        self._last = max(self._last, number)
        return Packet(TYP, collected, number)

    def break_off(self, items: list[Packet | Malformed]) -> None:
        """Something begins; append what is left of a sequence whose end did not come."""
        if self._traces:
            items.append(
                Malformed("the end of the sequence did not come", [*self._begin_frames, *self._traces])
            )
            self._clear()

    def place_of_end(self, message: Message) -> int | None:
        """The place behind the last sequence; None where the count does not tell."""
        try:
            return self._sequences_until(message) + 1
        except MalformedPacket:
            return None

    def _clear(self) -> None:
        self._begin_is_used = True
        self._traces, self._seen, self._problem = [], [], None

    def _number_at(self, message: Message) -> int | None:
        """The sequence that traces or a begin belong to; None where the count does not tell."""
        channels = len(self._begin.channels or ()) if self._begin is not None else 0
        if message.frame is None or self._base is None or not channels:
            return None
        return (message.frame - self._base) // channels + 1

    def _what_is_missing(self) -> str | None:
        begin = self._begin
        if begin is None:
            return "the begin of the sequence did not come"
        if begin.ntriggers != CONTINUOUS:
            begun = self._number_at(begin)
            if self._begin_is_used or (self._traces and begun is not None and begun != self._number):
                return "the begin of the sequence did not come"
        if missing := set(begin.channels or ()) - set(self._seen):
            return f"the traces of channel {', '.join(map(str, sorted(missing)))} did not come"
        if len(self._seen) != len(begin.channels or ()):
            return f"traces of channels {self._seen} came, but {list(begin.channels or ())} were announced"
        return None

    def _sequences_until(self, message: Message) -> int:
        """How many sequences have ended by the count in ``message``. Raises MalformedPacket."""
        if message.frame is None or self._base is None:
            return self._last
        sent = message.frame - self._base
        channels = len(self._begin.channels or ()) if self._begin is not None else 0
        if sent == 0 and message.what != 2:
            return 0
        if sent < 1 or not channels or sent % channels:
            raise MalformedPacket(
                f"{sent} traces messages are counted since the series was prepared, which is no number of sequences of {channels} channels"
            )
        return sent // channels

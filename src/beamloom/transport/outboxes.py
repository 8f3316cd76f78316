"""The way to one mailbox: a socket, and what was sent through it and is not known to have arrived (see ``links``).

Where the mailbox has a door for this process (``nearby``), small messages go through that.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from typing import Any

import zmq

from beamloom.events import frame_bytes
from beamloom.transport.links import (
    ANSWER,
    NUMBERED,
    NUMBERED_FIRST,
    QUESTION,
    QUESTION_FIRST,
    STAMP,
    Answer,
)
from beamloom.transport.nearby import Neighbour

AT_ONCE = int(zmq.DONTWAIT)
MORE = int(zmq.DONTWAIT | zmq.SNDMORE)
"""More frames follow; also at once."""
COPY_BYTES = 64 * 1024
"""Frames from this size on are handed to ZeroMQ without a copy; below it the copy is cheaper."""
ASK_AFTER = 0.5
"""Seconds without an answer after which one is asked for."""
LOOK_AFTER_MESSAGES = 256
LOOK_AFTER_BYTES = 1 << 20
"""After so much has been sent, answers are looked for at once, to keep less of it."""


class Outbox:
    """Sends to one mailbox, in order, and again what a broken connection has taken with it."""

    def __init__(self, socket: zmq.Socket[bytes], address: str, *, near: bool = False) -> None:
        """``socket`` is a DEALER that is connected to ``address``, or will be; ``near``: a door there is looked for."""
        self.socket = socket
        self.address = address
        self._near = Neighbour.at(address) if near else None
        self._seeks = near and self._near is None
        """Whether a door is looked for once more, when somebody is known to be there."""
        self._kept: deque[tuple[bytes, Sequence[Any]]] = deque()
        self._ask_at: float | None = None
        self._messages = 0
        self._bytes = 0
        self._renew()

    def _renew(self) -> None:
        self._link = secrets.randbits(64)
        self._number = len(self._kept)
        """Of the last message that was sent."""
        self._round = 0
        self._answered = False

    @property
    def waiting(self) -> int:
        """Messages that are not known to have arrived."""
        return len(self._kept)

    def send(self, head: bytes, buffers: Sequence[Any]) -> None:
        """Send a message.

        What is sent to a place that has turned out to be no mailbox of this pipeline goes nowhere: ZeroMQ has given that place up, and
        would wait for another for ever.
        """
        number = self._number + 1
        if self._near is None or not self._near.carry(self._stamped(number, head), buffers):
            try:
                self._put(number, head, buffers)
            except zmq.Again:
                return
        self._number = number
        self._kept.append((head, buffers))
        self._messages += 1
        if self._messages >= LOOK_AFTER_MESSAGES or self._bytes >= LOOK_AFTER_BYTES:
            self._hear()

    def _stamped(self, number: int, head: bytes) -> bytes:
        kind = NUMBERED if self._answered else NUMBERED_FIRST
        return STAMP.pack(kind, self._link, number, self._round) + head

    def _put(self, number: int, head: bytes, buffers: Sequence[Any]) -> None:
        stamped = self._stamped(number, head)
        send = self.socket.send
        if not buffers:
            send(stamped, AT_ONCE)
            return
        send(stamped, MORE)
        last = len(buffers) - 1
        for i, buffer in enumerate(buffers):
            size = frame_bytes(buffer)
            self._bytes += size
            send(buffer, MORE if i < last else AT_ONCE, copy=size < COPY_BYTES)

    def tend(self, now: float) -> None:
        """Hear what has arrived, send again what has not, ask where there is no answer; to be called several times a second."""
        if not self._kept:
            self._ask_at = None
            return
        if self._hear() or self._ask_at is None:
            self._ask_at = now + ASK_AFTER
        elif now >= self._ask_at:
            self._ask_at = now + ASK_AFTER
            kind = QUESTION if self._answered else QUESTION_FIRST
            try:
                self.socket.send(STAMP.pack(kind, self._link, self._number, self._round), AT_ONCE)
            except zmq.Again:
                self._kept.clear()

    def _hear(self) -> bool:
        """Returns whether more has arrived."""
        self._messages = self._bytes = 0
        before = len(self._kept)
        if self._near is not None:
            for answer in self._near.answers():
                self._heed(answer)
        try:
            while True:
                frames = self.socket.recv_multipart(zmq.DONTWAIT)
                if len(frames) == 1:
                    self._heed(frames[0])
        except zmq.Again:
            pass
        return len(self._kept) < before

    def _heed(self, said: bytes) -> None:
        if len(said) != ANSWER.size:
            return
        answer = Answer(*ANSWER.unpack(said))
        if answer.link != self._link or answer.received > self._number:
            return
        self._answered = True
        if self._seeks:
            self._seeks, self._near = False, Neighbour.at(self.address)
        first = self._number - len(self._kept) + 1
        for _ in range(answer.received - first + 1):
            self._kept.popleft()
        if answer.missing and answer.round == self._round:
            if answer.received < first - 1:
                # It was an earlier life of the mailbox that had the rest.
                self._renew()
            else:
                self._round += 1
            self._send_again()

    def _send_again(self) -> None:
        number = self._number - len(self._kept)
        for head, buffers in self._kept:
            number += 1
            self._put(number, head, buffers)

    def close(self, linger: int | None = None) -> None:
        """Let go of the socket; what is under way may still arrive for ``linger`` milliseconds."""
        self._kept.clear()
        if self._near is not None:
            self._near.close()
        self.socket.close(linger)

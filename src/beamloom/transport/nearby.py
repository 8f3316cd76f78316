"""A shorter way for small messages between processes of one user on one machine.

A message by TCP wakes three threads: ZeroMQ's at both ends, and the receiver. By a socket of the machine itself it wakes one. So each
mailbox that listens on the loopback interface has a *door* beside it, a Unix socket whose name follows from the port, and who sends to
such a mailbox tries the door first. No message depends on it: what is too large, or finds no room, goes by ZeroMQ as ever. The numbers
that all messages have (``links``) put what comes by both ways in order.

The names are of Linux's abstract namespace: they are seen where the port is, and leave no file behind. A door is opened to processes of the
same user only, and only of that user's mailboxes are doors taken: else another one might listen under the name.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from beamloom.events import frame_bytes
from beamloom.transport.interfaces import ANYWHERE
from beamloom.transport.waiting import Waiter

MOST_BYTES = 32 * 1024
"""Bytes of the largest message that goes this way: for larger ones it is worth while that other threads move them."""
MOST_FRAMES = 16
MOST_CALLERS = 4096
MOST_AT_ONCE = 64
"""Messages that are taken from one caller before the next has its turn."""
LOOPBACK = ("127.0.0.1", "localhost")
SIZES = [struct.Struct(f"<B{count}I") for count in range(MOST_FRAMES + 1)]
"""What a message begins with: the number of its frames, and the bytes of each."""
CREDENTIALS = struct.Struct("3i")
"""Process, user and group (unix(7))."""


def _name(port: int) -> str:
    return f"\0beamloom mailbox 127.0.0.1:{port}"


def _of_this_user(end: socket.socket) -> bool:
    said = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return bool(CREDENTIALS.unpack(said)[1] == os.geteuid())


class Neighbour:
    """The sending end: the way through the door of one mailbox."""

    def __init__(self, end: socket.socket) -> None:
        """``end`` is connected, and does not block."""
        self._end = end
        self.open = True
        """Whether anybody is there."""

    @classmethod
    def at(cls, address: str) -> Neighbour | None:
        """The way to the mailbox at ``address`` (``tcp://HOST:PORT``); None where it has no door for this process."""
        try:
            where = urlsplit(address)
            near, port = where.hostname in LOOPBACK, where.port
        except ValueError:
            return None
        if not near or not port or sys.platform != "linux":
            return None
        try:
            end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        except OSError:
            # The process has as many descriptors as it may.
            return None
        with contextlib.suppress(OSError):
            end.connect(_name(port))
            if _of_this_user(end):
                return cls(end)
        end.close()
        return None

    def carry(self, stamped: bytes, buffers: Sequence[Any]) -> bool:
        """Bring a message there, whole; false where it has to go another way."""
        sizes = [len(stamped), *map(frame_bytes, buffers)]
        if len(sizes) > MOST_FRAMES or sum(sizes) > MOST_BYTES or not self.open:
            return False
        try:
            self._end.sendmsg((SIZES[len(sizes)].pack(len(sizes), *sizes), stamped, *buffers))
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return False
        return True

    def answers(self) -> Iterator[bytes]:
        """What the mailbox has answered."""
        while self.open:
            try:
                answer = self._end.recv(MOST_BYTES)
            except BlockingIOError:
                return
            except OSError:
                answer = b""
            if not answer:
                self.close()
                return
            yield answer

    def close(self) -> None:
        """Go this way no longer; what was brought stays there."""
        self.open = False
        self._end.close()


class Caller:
    """The receiving end of one process."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self.descriptor = end.fileno()

    def messages(self, into: list[tuple[Caller, list[bytes]]]) -> bool:
        """Add what has come, as frames; returns whether the caller is still there."""
        receive = self._end.recv
        for _ in range(MOST_AT_ONCE):
            try:
                packet = receive(MOST_BYTES + SIZES[-1].size)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not packet:
                return False
            try:
                into.append((self, _frames(packet)))
            except (ValueError, struct.error):
                return False
        return True

    def answer(self, answer: bytes) -> None:
        """Say something to the process; nothing where it does not listen."""
        with contextlib.suppress(OSError):
            self._end.send(answer)

    def close(self) -> None:
        """Take no more."""
        self._end.close()


def _frames(packet: bytes) -> list[bytes]:
    """The frames of a message. Raises ValueError or struct.error for what is none."""
    count = packet[0]
    if not 0 < count <= MOST_FRAMES:
        raise ValueError("no message has as many frames")
    begin = SIZES[count].size
    frames = []
    for size in SIZES[count].unpack_from(packet)[1:]:
        frames.append(packet[begin : begin + size])
        begin += size
    if begin != len(packet):
        raise ValueError("the frames are not as large as is said")
    return frames


class Door:
    """What comes to one mailbox by the short way."""

    def __init__(self, waiter: Waiter, listener: socket.socket) -> None:
        self._waiter = waiter
        self._listener = listener
        self._callers: dict[int, Caller] = {}
        self._knock = waiter.add(listener.fileno())

    @classmethod
    def beside(cls, bound: str, port: int, waiter: Waiter) -> Door | None:
        """The door of a mailbox that is bound to ``port`` of the address ``bound``; None where it is to have none, or cannot."""
        if sys.platform != "linux" or bound not in (*LOOPBACK, *ANYWHERE):
            return None
        try:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        except OSError:
            return None
        try:
            listener.bind(_name(port))
            listener.listen(MOST_CALLERS)
        except OSError:
            listener.close()
            return None
        return cls(waiter, listener)

    def hear(self, ready: Collection[int]) -> list[tuple[Caller, list[bytes]]]:
        """The messages that have come, each with who brought it; ``ready``: the descriptors to which something has happened."""
        heard: list[tuple[Caller, list[bytes]]] = []
        for descriptor in ready:
            if (caller := self._callers.get(descriptor)) is not None:
                if not caller.messages(heard):
                    self._part(caller)
            elif descriptor == self._knock:
                for caller in self._let_in():
                    if not caller.messages(heard):
                        self._part(caller)
        return heard

    def _let_in(self) -> Iterator[Caller]:
        while True:
            try:
                end, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # There is no descriptor for another one, and would be none the next moment. Who knocks goes by ZeroMQ.
                self._let_in_no_more()
                return
            end.setblocking(False)
            if len(self._callers) >= MOST_CALLERS or not _of_this_user(end):
                end.close()
                continue
            caller = Caller(end)
            self._callers[self._waiter.add(caller.descriptor)] = caller
            yield caller

    def _let_in_no_more(self) -> None:
        if self._knock >= 0:
            self._waiter.remove(self._knock)
            self._listener.close()
            self._knock = -1

    def _part(self, caller: Caller) -> None:
        del self._callers[caller.descriptor]
        self._waiter.remove(caller.descriptor)
        caller.close()

    def close(self) -> None:
        """Let nobody in any more, and take nothing."""
        for caller in list(self._callers.values()):
            self._part(caller)
        self._let_in_no_more()

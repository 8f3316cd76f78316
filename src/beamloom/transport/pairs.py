"""A socket between a process and one that it has started: nobody else reaches it, and what is sent arrives, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import zmq

LARGE = 1 << 16
"""Bytes from which a frame is not copied on its way out, where it does not change any more."""


class Pair:
    """One end. How much is under way is the caller's to bound.

    Sending never waits at the end that does not listen, whether the other one is there yet, or not any more. The other end sends only to
    answer.
    """

    def __init__(self, address: str, *, listens: bool) -> None:
        """``address``: a path on this machine, in a folder that is its user's alone. Raises OSError."""
        self._context = zmq.Context()
        self.socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self.socket.set(zmq.SNDHWM, 0)
        self.socket.set(zmq.RCVHWM, 0)
        self.socket.set(zmq.LINGER, 0)
        try:
            if listens:
                self.socket.bind(f"ipc://{address}")
            else:
                self.socket.connect(f"ipc://{address}")
        except zmq.ZMQError as error:
            self.close()
            raise OSError(error.errno, f"{address}: {error}") from error

    def send(self, frames: Sequence[Any], *, changes: bool = False) -> None:
        """Send a message; ``changes``: its frames may change afterwards."""
        for frame in frames[:-1]:
            self._send(frame, zmq.SNDMORE, changes=changes)
        self._send(frames[-1], 0, changes=changes)

    def _send(self, frame: Any, flags: int, *, changes: bool) -> None:
        size = memoryview(frame).nbytes
        self.socket.send(frame, flags, copy=changes or size < LARGE)

    def receive(self, timeout: float) -> list[list[bytes]]:
        """All messages that have come; waits for the first one, up to ``timeout`` seconds."""
        if timeout > 0 and not self.socket.poll(int(timeout * 1000) + 1):
            return []
        received = []
        while int(self.socket.get(zmq.EVENTS)) & zmq.POLLIN:
            received.append(self.socket.recv_multipart())
        return received

    def receive_one(self) -> list[bytes]:
        """The next message; waits for it."""
        return self.socket.recv_multipart()

    def close(self) -> None:
        """What is under way is lost."""
        self.socket.close(0)
        self._context.term()

"""Feedback: what the collecting node tells workers, each at most one message before an event, as in OM.

It goes by a socket of its own from the reducer to the workers, not by the parameters: these hold from an exact event on and are kept, while
feedback is for whoever comes next, and forgotten. Messages for a rank wait until that worker is there; a worker that is started again under
its rank goes on with them.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict, deque
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from beamloom import UserError

EVERYBODY: Final = 0
MOST_WAITING: Final = 1000
"""Messages that wait for one rank; of more the oldest are forgotten."""


class FeedbackError(UserError):
    """Feedback cannot be sent."""


def address_of(url: str, run: str | None) -> str:
    """Where it goes: at ``url``, else on this machine, by the id of the run."""
    if url:
        return url
    name = f"beamloom-om-{run or 'inline'}"
    # Linux has names for sockets that leave no file behind.
    return f"ipc://@{name}" if sys.platform == "linux" else f"ipc://{Path(tempfile.gettempdir()) / name}"


class FeedbackSender:
    """The reducer's end."""

    def __init__(self, address: str, ranks: range) -> None:
        """Raises FeedbackError where nobody can listen at ``address``."""
        self.forgotten = 0
        self._ranks = ranks
        self._waiting: dict[int, deque[bytes]] = defaultdict(deque)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.ROUTER_MANDATORY, 1)
        self._socket.set(zmq.ROUTER_HANDOVER, 1)
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self.close()
            raise FeedbackError(
                f"feedback cannot be sent from {address} ({error.strerror}); set feedback_url to an address that is free"
            ) from None

    def send(self, feedback: dict[int, dict[str, Any]]) -> None:
        """To each rank its message; 0 is everybody. Raises FeedbackError for what cannot travel."""
        for target, told in feedback.items():
            try:
                message = msgspec.msgpack.encode(told, enc_hook=_plain)
            except (TypeError, ValueError, OverflowError) as error:
                raise FeedbackError(
                    f"feedback for rank {target} cannot be sent: {error}; give numbers, texts, lists and dictionaries"
                ) from None
            for rank in self._ranks if target == EVERYBODY else (target,):
                self._waiting[rank].append(message)
        self.flush()

    def flush(self) -> None:
        """Send what waits to workers that are there by now; never waits."""
        for rank, messages in self._waiting.items():
            while messages:
                try:
                    self._socket.send_multipart([_identity(rank), messages[0]], zmq.NOBLOCK)
                except zmq.ZMQError:
                    # It is not there yet, or reads too slowly.
                    break
                messages.popleft()
            while len(messages) > MOST_WAITING:
                messages.popleft()
                self.forgotten += 1

    def close(self) -> None:
        """Release the socket; may be called twice."""
        self._context.destroy(linger=0)


class FeedbackReceiver:
    """A worker's end."""

    def __init__(self, address: str, rank: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.ROUTING_ID, _identity(rank))
        self._socket.set(zmq.RECONNECT_IVL, 20)
        self._socket.connect(address)

    def next(self) -> dict[str, Any]:
        """The oldest message that has come and was not given yet; empty where there is none."""
        try:
            content = self._socket.recv(zmq.NOBLOCK)
        except zmq.Again:
            return {}
        told: dict[str, Any] = msgspec.msgpack.decode(content)
        return told

    def close(self) -> None:
        """Release the socket; may be called twice."""
        self._context.destroy(linger=0)


def _identity(rank: int) -> bytes:
    return b"rank-%d" % rank


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy as numbers and lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} does not travel")

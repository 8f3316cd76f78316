"""Frames and results for all who listen. Who is slow misses some, and nothing is made when nobody listens.

Two parts each, topic and one MessagePack map. The topics are those of OM, which itself sends pickles
there, and nobody should read those from a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np
import zmq

FRAMES = b"ondaframedata"
RESULTS = b"ondadata"

_KEPT_FOR_THE_SLOW = 2


class Broadcast:
    """One socket, used by one thread."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str) -> None:
        self._socket = context.socket(zmq.XPUB)
        self._socket.linger = 0
        self._socket.sndhwm = _KEPT_FOR_THE_SLOW
        self._socket.xpub_verboser = True
        self._listeners = {FRAMES: 0, RESULTS: 0}
        try:
            self._socket.bind(address)
        except zmq.ZMQError:
            self._socket.close()
            raise
        self.socket = self._socket

    def listened_to(self, topic: bytes) -> bool:
        """Whether somebody listens to the topic."""
        return self._listeners[topic] > 0

    def hear(self) -> None:
        """Take notice of who began or ceased to listen."""
        while self._socket.poll(0):
            said = self._socket.recv()
            for topic in self._listeners:
                if topic.startswith(said[1:]):
                    self._listeners[topic] += 1 if said[:1] == b"\x01" else -1

    def publish(self, topic: bytes, message: bytes | memoryview) -> None:
        """Send to all who listen and have room."""
        self._socket.send_multipart([topic, message], copy=False)

    def close(self) -> None:
        self._socket.close()


def packed(values: Mapping[str, Any]) -> bytes:
    """A map as MessagePack; arrays as msgpack-numpy writes them, what has no form there as text."""
    return bytes(msgpack.packb(dict(values), default=_form))


def _form(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        whole = np.ascontiguousarray(value)
        return {
            b"nd": True,
            b"type": whole.dtype.str,
            b"kind": b"",
            b"shape": list(value.shape),
            b"data": whole.tobytes(),
        }
    if isinstance(value, np.generic):
        return value.item()
    return str(value)

"""A way to the controller beside the mailbox, for what may be dropped: signs of life, lines of the log, the word of a guard."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import zmq

from beamloom.transport.keys import Keys

logger = logging.getLogger(__name__)

MOST_WAITING = 16
"""Messages that wait for a controller that is away."""


class ControllerLink:
    """A socket to the controller, wherever that is now."""

    def __init__(self, socket: zmq.Socket[bytes], address: str) -> None:
        self._socket = socket
        self._address = ""
        self._connected = False
        self.follow(address)

    def follow(self, address: str) -> None:
        """The controller is here now; what waits for the former one is dropped."""
        if not address or address == self._address:
            return
        if self._connected:
            self._socket.disconnect(self._address)
        self._address, self._connected = address, False
        try:
            self._socket.connect(address)
            self._connected = True
        except (zmq.ZMQError, ValueError) as error:
            # It came over the wire; the next one may be right.
            logger.warning(
                "%.100r is no address of a controller (%s); see what it is told to advertise", address, error
            )

    def send(self, message: bytes) -> bool:
        """Send without waiting; whether there was room."""
        try:
            self._socket.send(message, zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def send_last(self, message: bytes, seconds: float) -> None:
        """Send behind all that waits, for which there is so much time, and nothing any more after it."""
        kept = round(1000 * seconds)
        self._socket.set(zmq.LINGER, kept)
        if self._socket.poll(kept, zmq.POLLOUT):
            self.send(message)


@contextmanager
def controller_link(address: str, keys: Keys | None, linger: float) -> Iterator[ControllerLink]:
    """A link with a context of its own, as each thread and each process needs one; ``linger``: seconds for what waits at the end."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.set(zmq.SNDHWM, MOST_WAITING)
        socket.set(zmq.LINGER, round(1000 * linger))
        socket.set(zmq.RECONNECT_IVL, 50)
        if keys is not None:
            keys.present(socket)
        yield ControllerLink(socket, address)

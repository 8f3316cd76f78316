"""The socket that frames are sent from, which stays bound from run to run.

Sending never waits: ZeroMQ's own thread sends what is queued, and what finds the queue full, or nobody connected, is left out as a camera
would. Its number is then missing in what is sent, so that a reader knows.
"""

from __future__ import annotations

from typing import Any, Final

import zmq

from beamloom import UserError

Message = list[Any]
_KEY: Final = "beamloom.apps.tomography"


class Port:
    """A PUSH socket."""

    def __init__(self, url: str, queue: int) -> None:
        """Bind it. Raises UserError."""
        self.wanted = (url, queue)
        self.next_number = 0
        """Of the first message of the next series."""
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUSH)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, queue)
        try:
            self._socket.bind(url)
        except zmq.ZMQError as error:
            self._socket.close()
            raise UserError(
                f"republish_url: {url} cannot be bound ({error}); give an address that is free"
            ) from None
        self.url: str = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    @classmethod
    def of(cls, context: dict[Any, Any], url: str, queue: int) -> Port:
        """The port of the process, which ``context`` keeps. Raises UserError."""
        kept: Port | None = context.get(_KEY)
        if kept is None or kept.wanted != (url, queue):
            cls.close_of(context)
            kept = context[_KEY] = cls(url, queue)
        return kept

    @staticmethod
    def close_of(context: dict[Any, Any]) -> None:
        """Close the port of the process, if there is one; what is queued has a second to leave."""
        kept: Port | None = context.pop(_KEY, None)
        if kept is not None:
            kept._socket.close(linger=1000)

    def send(self, message: Message) -> bool:
        """Queue a message; False where there is no room, or nobody is connected."""
        try:
            self._socket.send_multipart(message, zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return False
        return True

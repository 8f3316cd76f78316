"""Frames sent on in the order of their events, from a socket that stays bound from run to run.

Sending never waits: ZeroMQ's own thread sends what is queued, and what finds the queue full, or nobody connected, is left out as a camera
would, and counted. Its number is missing in what is sent, so that a reader knows. An event that has failed or was lost holds up those
behind it only until as many of them wait as ``MOST_WAITING``.
"""

from __future__ import annotations

from typing import Any, Final

import zmq

from beamloom import UserError
from beamloom.apps.tomography.angles import Turning
from beamloom.apps.tomography.messages import Message, end_message, header_message, image_message

MOST_WAITING: Final = 64
_KEY: Final = "beamloom.apps.tomography"


class Port:
    """A socket that frames are sent from."""

    def __init__(self, url: str, queue: int) -> None:
        """Bind it. Raises UserError."""
        self.wanted = (url, queue)
        self.msg_number = 0
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


class Republishing:
    """The frames of one run."""

    def __init__(self, port: Port, turning: Turning) -> None:
        self._port = port
        self._turning = turning
        self._waiting: dict[int, dict[str, Any]] = {}
        self._next = 1
        self._begun = False
        self.opening: dict[str, Any] = {}
        """What the camera has said as it opened its series."""
        self.sent = 0
        self.left_out = 0

    def offer(self, event: int, result: dict[str, Any]) -> None:
        """Take the frame of an event, and send what is next; an event that was passed over is left out."""
        if event < self._next:
            self.left_out += 1
            return
        self._waiting[event] = result
        while self._next in self._waiting or len(self._waiting) > MOST_WAITING:
            self._send_next()

    def finish(self) -> None:
        """Send what waits, and the end of the series."""
        while self._waiting:
            self._send_next()
        if self._begun:
            self._port.send(end_message(self._number()))

    def published(self) -> dict[str, Any]:
        """How it goes."""
        return {"address": self._port.url, "frames": self.sent, "left_out": self.left_out}

    def _send_next(self) -> None:
        if not self._begun:
            self._begun = True
            self._port.send(header_message(self.opening, self._number()))
        event = min(self._waiting)
        # What was not there is missing in the numbers, too.
        self._port.msg_number += event - self._next
        self._next = event + 1
        result = self._waiting.pop(event)
        angle = self._turning.follow(result["time"], result["degrees"])
        if self._port.send(image_message(result["frame"], angle, result["time"], self._number())):
            self.sent += 1
        else:
            self.left_out += 1

    def _number(self) -> int:
        self._port.msg_number += 1
        return self._port.msg_number - 1

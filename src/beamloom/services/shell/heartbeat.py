"""Signs of life: a thread of its own, so that user code that computes for long does not look dead.

The thread has its own socket to the controller; it also carries the lines of the log. While the controller does not know this process, it
asks where the controller is.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from beamloom.services.shell.guarding import resident
from beamloom.services.shell.health import NOBODY_HEARS, Health
from beamloom.services.shell.membership import Membership
from beamloom.services.shell.whereabouts import whereabouts_of
from beamloom.settings import ServiceSettings
from beamloom.transport.channel import Channel
from beamloom.transport.controller_link import ControllerLink, controller_link
from beamloom.transport.keys import Keys
from beamloom.transport.messages import Heartbeat, LogRecords, encode

logger = logging.getLogger(__name__)

LOG_LINES_KEPT = 1000
LONGEST_LINE = 10_000
"""Characters of a line that are sent: the controller keeps a thousand lines, and writes them down."""


class LogForwarder(logging.Handler):
    """Keeps the latest log records of this process until they are taken."""

    def __init__(self, level: int = logging.INFO) -> None:
        super().__init__(level)
        self._lines: deque[dict[str, str]] = deque(maxlen=LOG_LINES_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self._lines.append(
            {
                "msg": _shortened(_message_of(record)),
                "lineno": str(record.lineno),
                "name": record.name,
                "created": str(record.created),
                "levelname": record.levelname,
            }
        )

    def take(self) -> list[dict[str, str]]:
        """The records since the last call."""
        taken: list[dict[str, str]] = []
        while self._lines:
            taken.append(self._lines.popleft())
        return taken


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    # Whoever logs a line that cannot be put together, user code among them, goes on, as with any other handler.
    except Exception:
        return f"{record.msg} {record.args!r}"


def _shortened(message: str) -> str:
    if len(message) <= LONGEST_LINE:
        return message
    return (
        f"{message[:LONGEST_LINE]} ... ({len(message):,} characters; the log of this process has all of them)"
    )


class Heartbeats:
    """Sends a sign of life to the controller, again and again until it is closed."""

    def __init__(
        self,
        channel: Channel,
        settings: ServiceSettings,
        member: Membership,
        figures: Callable[[], dict[str, float]],
        notes: Callable[[float], dict[str, Any]] = lambda now: {},
        *,
        keys: Keys | None = None,
        health: Health = NOBODY_HEARS,
        computes: bool = True,
    ) -> None:
        """``figures`` gives the counters and gauges of this process, ``notes`` what else it has to say of its state.

        ``notes`` is passed the time (monotonic, s). Both are called in the thread of the signs of life. ``computes``: user code may hold
        up the loop of this process, so that these are its signs of life also for its supervisor (``health``).
        """
        self._notes = notes
        self._keys = keys
        self._health = health
        self._computes = computes
        self._channel = channel
        self._interval = settings.heartbeat_interval
        self._member = member
        self._figures = figures
        self._whereabouts = whereabouts_of(settings)
        self._over = threading.Event()
        self._log = LogForwarder()
        logging.getLogger().addHandler(self._log)
        self._thread = threading.Thread(target=self._beat_or_end, name="heartbeat", daemon=True)
        self._thread.start()

    def _beat_or_end(self) -> None:
        """A process that gives no signs of life is given up by the controller, and would never hear of it: so it ends."""
        try:
            self._beat()
        except Exception as error:
            logger.exception("the thread of the signs of life has failed")
            self._member.ended = f"its signs of life have ended ({type(error).__name__}: {error}); tell the developers, with the log"
            self._channel.wake()

    def _beat(self) -> None:
        with controller_link(self._member.controller, self._keys, linger=0.1) as link:
            while True:
                self._send(link)
                if self._over.wait(self._interval):
                    self._send(link)
                    return

    def _send(self, link: ControllerLink) -> None:
        link.follow(self._member.controller)
        if self._computes:
            self._health.lives()
        self._health.ready(
            None if self._member.welcome else f"the controller at {self._member.controller} has not answered"
        )
        if not self._member.welcome:
            if self._whereabouts is not None:
                self._member.sought = self._whereabouts.now()
            return
        peer = self._channel.peer
        strangers = self._channel.strangers
        figures = {**self._figures(), **self._channel.meter.figures()}
        if memory := resident(os.getpid()):
            figures["memory_bytes"] = memory
        if strangers:
            figures["strangers"] = strangers
        notes = {**self._notes(time.monotonic()), "clock": time.time()}
        # Where the controller is away and the queue is full of older signs of life, they say the same.
        if link.send(encode(peer, Heartbeat(self._channel.address, figures, notes))):
            lines = self._log.take()
            if lines:
                link.send(encode(peer, LogRecords(lines)))

    def close(self) -> None:
        """Send the last lines of the log and end."""
        logging.getLogger().removeHandler(self._log)
        self._over.set()
        self._thread.join(timeout=2)
        if self._whereabouts is not None:
            self._whereabouts.close()

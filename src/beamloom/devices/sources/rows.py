"""Sources whose messages hold many packets each: the ingester is given no more at once than it asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Bearing, Malformed, Packet

_MESSAGES: Final = 32
"""How many messages are taken apart at once."""


class RowSource:
    """A connection to one device whose messages complete any number of packets, for one run.

    ``connection`` reads the messages. Packets beyond the limit wait here; the ingester reads again until nothing comes.
    """

    def __init__(self, connection: ZmqSource) -> None:
        self.connection = connection
        self._waiting: deque[Packet | Malformed] = deque()

    def open(self) -> None:
        """Begin to connect; returns at once. Raises ValueError with a sentence for an address that cannot be right."""
        self.connection.open()

    def connected(self) -> bool:
        """Whether the device is there and will not send past us."""
        return self.connection.connected()

    def connection_problem(self) -> str | None:
        """Why there is no connection, in a sentence; None when there is one."""
        return self.connection.connection_problem()

    @property
    def bearing(self) -> Bearing | None:
        """As of a ResumableSource."""
        return self.connection.bearing

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """As of a ResumableSource."""
        return self.connection.resume(bearing, one_series=one_series)

    @property
    def discarded_before_start(self) -> int:
        """Messages that came before the start of a series, and between series."""
        return self.connection.discarded_before_start

    @property
    def reconnects(self) -> int:
        """How often the connection was there again after it had broken."""
        return self.connection.reconnects

    @property
    def pollable(self) -> Any:
        """The ZeroMQ socket. Raises RuntimeError before ``open`` and after ``close``."""
        return self.connection.pollable

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """At most ``limit`` items of what has arrived, in order of arrival; empty when nothing has. Never waits."""
        waiting = self._waiting
        while len(waiting) < limit:
            items = self.connection.read(_MESSAGES)
            if not items:
                break
            waiting.extend(items)
        if len(waiting) <= limit:
            taken = list(waiting)
            waiting.clear()
            return taken
        return [waiting.popleft() for _ in range(limit)]

    def close(self) -> None:
        """Release the connection at once. May be called twice."""
        self.connection.close()
        self._waiting.clear()

"""Sources over ZeroMQ for devices that neither open nor close a series: the connection, told how many items the run is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from beamloom.devices.series.endless import EndlessSeries
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet


class EndlessZmqSource:
    """A connection to one device, for one run. ``series`` is what the reader of ``connection`` adds its items to."""

    def __init__(self, connection: ZmqSource, series: EndlessSeries) -> None:
        self.connection = connection
        self._series = series

    def expect(self, items: int | None) -> None:
        """The run has so many packets of this stream, START and END among them; None: any number."""
        self._series.expect(items)

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
    def discarded_before_start(self) -> int:
        """Messages that could not be read before the first item."""
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
        """At most ``limit`` items of what has arrived, the least limit being 3; empty when nothing has. Never waits."""
        return self.connection.read(max(limit - 1, 2))

    def close(self) -> None:
        """Release the connection at once. May be called twice."""
        self.connection.close()

"""What ZeroMQ reports of the connections of a socket, as its monitor gives it.

pyzmq brings a reader of these reports, which imports asyncio with all that belongs to it: a fifth of what a worker imports besides NumPy,
for six bytes.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import zmq

_REPORT = struct.Struct("=Hi")


class Report(NamedTuple):
    """One event."""

    event: int
    """One of ``zmq.EVENT_...``."""
    value: int
    """What else is told; its meaning depends on the event."""


def next_report(monitor: zmq.Socket[Any]) -> Report | None:
    """The oldest report that was not read yet; None when there is none. Never waits.

    ``monitor`` is what ``get_monitor_socket`` has returned. Raises zmq.ZMQError when its context has ended.
    """
    # Asked before, because an exception for each question takes longer than all the rest of it.
    if not int(monitor.get(zmq.EVENTS)) & zmq.POLLIN:
        return None
    head, _address = monitor.recv_multipart(zmq.DONTWAIT)
    return Report(*_REPORT.unpack(head))

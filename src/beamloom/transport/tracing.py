"""The last things that a loop did, each with its time: for a picture of how the processes of a pipeline work together.

Policy: off unless somebody asks, and then a ring of bounded length, with one entry for each message and each piece of work that is done for
many events at once. Nothing is kept for single events.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from beamloom.transport.messages import AnyMessage, Orders, Packets, Reduced, Results

MOST_SPANS = 200_000
Span = tuple[str, float, float, dict[str, Any]]
"""What was done, when it began (monotonic, s), how long it took (s), and what it was about."""


class Tracer:
    """The ring of one process."""

    def __init__(self, spans: int) -> None:
        """Keeps the last ``spans``."""
        self._spans: deque[Span] = deque(maxlen=min(spans, MOST_SPANS))

    def add(self, name: str, begun: float, ended: float, **about: Any) -> None:
        """Something was done; the times are monotonic, in seconds."""
        self._spans.append((name, begun, ended - begun, about))

    def heeded(self, message: AnyMessage, begun: float, ended: float) -> None:
        """A message was taken in and acted upon."""
        self._spans.append((type(message).__name__, begun, ended - begun, _about(message)))

    def told(self) -> dict[str, Any]:
        """All that is kept, and what the clocks say now: ``monotonic`` and ``wall`` (Unix time), in seconds."""
        return {"spans": list(self._spans), "monotonic": time.monotonic(), "wall": time.time()}


def _about(message: AnyMessage) -> dict[str, Any]:
    match message:
        case Packets(stream=stream, first=first, block=block):
            return {"stream": stream, "first_event": first, "events": block.count}
        case Results(spans=spans):
            first = spans[0][2] if spans else -1
            return {"first_event": first, "events": sum(stop - first for _, _, first, stop in spans)}
        case Orders(spans=leases, settled=settled):
            return {"leased": sum(lease.count for lease in leases), "settled_ranges": len(settled)}
        case Reduced(deliveries=deliveries):
            return {"events": sum(stop - first for _, _, first, stop in deliveries)}
        case _:
            return {}

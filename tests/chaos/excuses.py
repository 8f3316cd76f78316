"""Which losses are excused where ingesters were killed: what the camera had sent, and what no process had on disk.

Policy: packets are written before they are sent on (``write_ahead``), so all that an ingester had read is there for the next one, and a
device that waits sends nothing meanwhile. What is left is what was under way, in the queues and sockets of both ends, at the moment of
the kill: an unbroken series of packets that the camera had sent by then, and not more than queues and sockets hold. A PandABox sends
again what it had sent in its arm, so nothing of it is excused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

CAMERA_GONE = "the ingester of stream 'camera' is gone"
UNDER_WAY = 400
"""Packets of some 200 bytes that queues and sockets may hold between a camera and an ingester that does not get to read them at once."""
SENT_INTO_NOTHING = 5
"""Packets that the camera may send before its system knows that the connection is closed."""


class Sent:
    """Counts what a device has sent."""

    def __init__(self) -> None:
        self.messages = 0
        """That were handed to the device's socket, the first of a series among them."""

    def of(self, messages: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
        """The messages, counted."""
        for message in messages:
            self.messages += 1
            yield message


class Excuse(msgspec.Struct, frozen=True):
    """One death of the camera's ingester."""

    sent: int
    """Messages that the camera had sent when the process had ended."""

    @property
    def events(self) -> range:
        """Those whose packets may have been under way."""
        return range(max(0, self.sent - UNDER_WAY), self.sent + SENT_INTO_NOTHING)


def excused(losses: Sequence[Mapping[str, Any]], deaths: Sequence[Excuse]) -> frozenset[int]:
    """The events of ``losses`` that died with an ingester and were under way to it when that was killed."""
    under_way = {event for death in deaths for event in death.events}
    return frozenset(
        event
        for one in losses
        if one["cause"].startswith(CAMERA_GONE)
        for event in range(one["events"][0], one["events"][1] + 1)
        if event in under_way
    )


def broken_series(lost: frozenset[int], others: frozenset[int], deaths: int) -> str | None:
    """What is wrong if ``lost`` are more series of events than there were ``deaths``, not counting ``others`` that were lost anyway."""
    series = [event for event in sorted(lost) if not _follows(event, lost, others)]
    if len(series) <= deaths:
        return None
    return f"{deaths} deaths of an ingester have cost {len(series)} series of events, which begin at {series[:20]}"


def _follows(event: int, lost: frozenset[int], others: frozenset[int]) -> bool:
    before = event - 1
    while before in others and before not in lost:
        before -= 1
    return before in lost

"""Clients that wait for an answer to a question that was lost: those of a process that was killed.

A REQ client connects again by itself but does not ask again, and CrystFEL waits with it for ever. A short answer that nobody asked for
lets it ask. Its name is not told before it asks, but is known: ZeroMQ numbers its peers one after the other. Only clients that have
been connected for a while and have never asked are answered so, and where one asks at that very moment all the same, its question and
the one that follows are taken for one: else it would be one answer ahead from then on, and lose a hit.
"""

from __future__ import annotations

import struct

SETTLING = 1.0
"""Seconds in which what a woken client asks counts as one question."""


class Sleepers:
    """Who is to be woken, and when. No sockets and no clock."""

    def __init__(self, own: bytes, wake_after: float) -> None:
        """``own`` is the name that the last peer before all clients had."""
        numbered = len(own) == 5 and own[:1] == b"\0"
        self._last: int | None = struct.unpack(">I", own[1:])[0] if numbered else None
        self._wake_after = wake_after
        self._silent: dict[bytes, float] = {}
        self._settled: dict[bytes, float] = {}

    def connected(self, now: float) -> None:
        """One more client has connected."""
        if self._last is not None:
            self._last = (self._last + 1) % (1 << 32)
            self._silent[b"\0" + struct.pack(">I", self._last)] = now

    def due(self, now: float) -> list[bytes]:
        """Those to be woken now. Each is named once."""
        found = [client for client, since in self._silent.items() if since + self._wake_after <= now]
        for client in found:
            del self._silent[client]
            self._settled[client] = now + SETTLING
        return found

    def heard(self, client: bytes) -> None:
        """The client has asked: it is awake."""
        self._silent.pop(client, None)

    def settles(self, client: bytes, now: float) -> bool:
        """Whether the client has just been woken, so that its question is to wait."""
        until = self._settled.get(client)
        return until is not None and now < until

    def settled(self, now: float) -> list[bytes]:
        """Those whose questions need not wait any longer; each is named once."""
        found = [client for client, until in self._settled.items() if until <= now]
        for client in found:
            del self._settled[client]
        return found

    def deadline(self) -> float | None:
        """When there is something to do next."""
        return min(
            [since + self._wake_after for since in self._silent.values()] + list(self._settled.values()),
            default=None,
        )

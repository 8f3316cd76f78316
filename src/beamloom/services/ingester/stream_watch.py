"""Since when a stream of a run is silent, and why nothing of it can be read: what its ingester waits for.

A device that has sent all that the run wants is not waited for. That its connection is broken is asked of the source only while it is
silent, once a second: some ask the network.
"""

from __future__ import annotations

from collections.abc import Iterator

from beamloom.devices.device import Source
from beamloom.engine.streams.router import StreamRouter
from beamloom.services.ingester.device_faults import why_absent
from beamloom.services.shell.waits import Waiting

ASK_AFTER = 1.0
"""Seconds of silence after which the source is asked about its connection, and between two such questions."""


class StreamWatch:
    """What one stream of a run waits for."""

    def __init__(self, stream: str, source: Source, router: StreamRouter, limit: float) -> None:
        """``limit``: seconds without a packet after which the stream is stalled."""
        self._stream = stream
        self._source = source
        self._router = router
        self._limit = limit
        self._silent_since: float | None = None
        self._asked_at = 0.0
        self._problem: str | None = None

    def saw(self, now: float, *, arrived: bool) -> None:
        """The device was read, or could not be for want of room; ``arrived``: and something came."""
        if arrived or self._silent_since is None:
            self._silent_since, self._problem = now, None
        elif now - max(self._silent_since, self._asked_at) >= ASK_AFTER:
            self._asked_at = now
            self._problem = why_absent(self._source)

    def blocked(self, now: float) -> None:
        """The device is not read: its silence says nothing."""
        self._silent_since, self._problem = now, None

    @property
    def problem(self) -> str | None:
        """Why the device cannot be read, as it was found out while it was silent; None where nothing is known to be wrong."""
        return self._problem

    def waiting(self, *, done: bool) -> Iterator[Waiting]:
        """What is waited for now; may be called in any thread. ``done``: the source has given all that is for this run."""
        router = self._router
        retention = router.retention
        if not router.has_room:
            kept = f"{len(retention):,} packets of {retention.nbytes:,} bytes, until their events are reduced"
            yield Waiting("room", self._stream, kept)
        elif not done and not router.has_all and self._silent_since is not None:
            why = self._problem or "no packet comes"
            yield Waiting("device", self._stream, why, self._silent_since, self._limit)
        first, stop = router.leased_until, router.seen_until
        if stop > first and len(retention):
            yield Waiting(
                "lease", self._stream, f"packets of {stop - first:,} events from {first} on wait for a worker"
            )

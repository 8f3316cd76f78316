"""The processes to which this one sends in a run, besides the controller.

Invariant: when a run begins, those are forgotten that were of runs before and are not of this one. They left while nobody had a run in
which that would have been told, and each would keep a socket that tries to reach it for as long as this process lives.
"""

from __future__ import annotations

from collections.abc import Mapping

from beamloom.transport.channel import Channel


class Acquaintances:
    """Those of one process."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._peers: set[str] = set()

    def begin_run(self, peers: Mapping[str, str]) -> set[str]:
        """A run begins with these, by id, at their addresses; returns those that are forgotten."""
        gone = self._peers - peers.keys()
        for peer in gone:
            self.part(peer)
        for peer, address in peers.items():
            self.meet(peer, address)
        return gone

    def meet(self, peer: str, address: str) -> None:
        """From now on this one can be sent to."""
        self._peers.add(peer)
        self._channel.connect(peer, address)

    def part(self, peer: str) -> None:
        """Forget one that is gone."""
        self._peers.discard(peer)
        self._channel.disconnect(peer)

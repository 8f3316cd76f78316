"""Results that come before the parameters with which they are to be reduced.

Policy: the controller tells an epoch before it leases an event of it, but its word may take longer than a quick worker's results.
Nothing is reduced with the parameters of another epoch: such results wait. A worker that is fenced meanwhile loses nothing by
that, as what is not taken is leased again.
"""

from __future__ import annotations

from beamloom.services.shell.epochs import Epochs
from beamloom.transport.channel import Received
from beamloom.transport.messages import Results


class EarlyResults:
    """Those that wait."""

    def __init__(self, epochs: Epochs) -> None:
        self._epochs = epochs
        self._waiting: list[Received] = []

    def hold(self, received: Received, results: Results) -> bool:
        """Keep these results if their parameters are not here yet; whether it is so."""
        early = any(self._epochs.is_ahead(epoch) for _, epoch, _, _ in results.spans)
        if early:
            self._waiting.append(received)
        return early

    def take(self) -> list[Received]:
        """Parameters have come: what has waited, to be received again."""
        waiting, self._waiting = self._waiting, []
        return waiting

"""A source whose packets are there already, in memory or in a file that is open."""

from __future__ import annotations

from typing import Any


class AtHand:
    """What a source is asked of its device, where there is none to connect to."""

    def open(self) -> None:
        """Nothing to open."""

    def connected(self) -> bool:
        """What is at hand is always there."""
        return True

    def connection_problem(self) -> str | None:
        """There is none."""
        return None

    @property
    def pollable(self) -> Any:
        """Nothing to wait for."""
        return None

    def close(self) -> None:
        """Nothing to close."""

"""The way from a reducer to one of its leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from beamloom.errors import UserError


class LeafDied(UserError):
    """A leaf is gone, and with it a part of the result that only the journal has."""


class LeafLink(Protocol):
    """The way to one leaf. Sending never waits."""

    name: str

    def send(self, frames: Sequence[Any]) -> None:
        """Send a request, with its frames."""

    def receive(self, timeout: float) -> list[Sequence[Any]]:
        """The answers that have come; waits for the first one. Raises LeafDied."""

    @property
    def delivery(self) -> tuple[int, int] | None:
        """Slot and event of the result that the user's class has there."""

    def close(self) -> None:
        """End the leaf, however it is."""

"""What goes wrong with results, in sentences."""

from __future__ import annotations

from beamloom.errors import UserError


class UnencodableResult(UserError):
    """A result holds something that cannot travel between processes."""


class UndecodableResult(UserError):
    """An encoded result cannot be made into objects here."""


class Refused(Exception):
    """One object inside a result cannot be encoded; ``reason`` goes on "... is "."""

    def __init__(self, value: object, reason: str) -> None:
        super().__init__(reason)
        self.value = value
        self.reason = reason

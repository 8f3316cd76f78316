"""What goes wrong with parameters, as sentences for the person who set them."""

from __future__ import annotations

from beamloom.errors import UserError


class ParameterError(UserError, ValueError):
    """A parameter's value, description or file is not what it should be; the text says which and why."""


class UnknownParameter(KeyError):
    """The analysis asked for a parameter that is neither described nor set."""

    def __str__(self) -> str:
        return str(self.args[0])

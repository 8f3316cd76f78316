"""Libraries that only some rules need."""

from __future__ import annotations

from typing import Any

from beamloom.libraries import MissingLibrary, library
from beamloom.rules.errors import RuleRefused


def need(module: str, what: str, extra: str = "rules") -> Any:
    """The module. Raises RuleRefused, which says how to install it."""
    try:
        return library(module, what, extra)
    except MissingLibrary as error:
        raise RuleRefused(str(error)) from error

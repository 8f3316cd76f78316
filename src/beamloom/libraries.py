"""Libraries that only some tasks need, and that are therefore not always installed."""

from __future__ import annotations

import importlib
from typing import Any

from beamloom.errors import UsageError


class MissingLibrary(UsageError):
    """A library is not installed; the text says how to install it."""


def library(module: str, what: str, extra: str) -> Any:
    """The module, which ``what`` (in the plural) need. Raises MissingLibrary where ``extra`` of Beamloom is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        root = module.partition(".")[0]
        if error.name != root:
            raise
        raise MissingLibrary(
            f"{what} need {root}, which is not installed; pip install 'beamloom[{extra}]'"
        ) from error

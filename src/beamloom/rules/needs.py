"""Libraries that only some rules need."""

from __future__ import annotations

import importlib
from typing import Any

from beamloom.rules.errors import RuleRefused


def need(module: str, what: str, extra: str = "rules") -> Any:
    """The module. Raises RuleRefused, which says how to install it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        root = module.partition(".")[0]
        if error.name != root:
            raise
        raise RuleRefused(
            f"{what} need {root}, which is not installed; pip install 'beamloom[{extra}]'"
        ) from error

"""Waits for the very thing that a test asserts next."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from support.patience import PATIENCE

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """What ``condition`` returns when it first returns something; fails with ``what`` was waited for."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"after {patience:g} s: {what}"
        time.sleep(0.01)
    return found

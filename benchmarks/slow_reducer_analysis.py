"""An analysis whose reducer is the bottleneck: each result takes 2 ms, and no processor."""

from __future__ import annotations

import time
from typing import Any

from trivial_analysis import Worker

from beamloom import Result
from beamloom.results.types import Sum

__all__ = ["SECONDS", "Reducer", "Worker"]
SECONDS = 0.002
"""For each result."""


class Reducer:
    """Counts events, slowly."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"events": Sum()}

    def process_result(self, result: Result) -> None:
        """Take one result."""
        time.sleep(SECONDS)
        self.publish["events"].add(result.event_number, 1)

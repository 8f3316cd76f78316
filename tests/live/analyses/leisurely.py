"""A reducer that takes its time, and a worker whose results are large."""

from __future__ import annotations

import time

import numpy as np

from beamloom import Event, Result


class Worker:
    """Returns a hundred kilobytes."""

    def process_event(self, event: Event) -> np.ndarray:
        return np.zeros(12_500)


class Reducer:
    """Looks at each result for a quarter of a second."""

    def __init__(self) -> None:
        self.publish = {"seen": 0}

    def process_result(self, result: Result) -> None:
        time.sleep(0.25)
        self.publish["seen"] += 1

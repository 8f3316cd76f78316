"""A reducer whose every version can be told by what is in it: all numbers are the count of results, which is written one by one."""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom import Event

SIZE = 20_000


class Worker:
    """Returns that there was an event."""

    def process_event(self, event: Event) -> bool:
        return True


class Reducer:
    """Publishes the count as a number, as an array that is written in two halves, and as an array that sums to it."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {
            "count": 0,
            "whole": {"array": np.zeros(SIZE), "ones": np.zeros(SIZE)},
            "still": np.arange(SIZE),
        }

    def process_result(self, result: object) -> None:
        tree = self.publish
        count = tree["count"] + 1
        tree["whole"]["array"][: SIZE // 2] = count
        tree["whole"]["ones"][count % SIZE] += 1
        tree["count"] = count
        tree["whole"]["array"][SIZE // 2 :] = count

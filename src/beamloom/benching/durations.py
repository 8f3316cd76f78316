"""How long something took, each of many times."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np


class Durations(msgspec.Struct, frozen=True):
    """What is told of many durations, in seconds."""

    count: int
    mean: float
    p50: float
    p99: float


def durations(seconds: Sequence[float]) -> Durations | None:
    """What is to be told of these; None where there are none."""
    if not seconds:
        return None
    p50, p99 = np.percentile(seconds, (50, 99))
    return Durations(len(seconds), float(np.mean(seconds)), float(p50), float(p99))

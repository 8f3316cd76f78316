"""The analyses of ``bench.py``, each run unchanged by Beamloom and by dranspose.

The reducer writes what it found to the file that $BENCH_RESULT names, as JSON.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

try:
    from beamloom import IntParameter
except ImportError:  # dranspose's environment
    from dranspose.parameters import IntParameter

MARK = "mark"


class CountingWorker:
    """The cheapest analysis that still returns a result for each event."""

    def __init__(self, parameters: Any = None, context: Any = None, state: Any = None) -> None:
        """Without any state."""

    def process_event(self, event: Any, parameters: Any, tick: bool = False) -> dict[str, int]:
        """The event's number."""
        return {"event": event.event_number}


class ReadingWorker:
    """Reads every byte of a frame, eight at a time."""

    def __init__(self, parameters: Any = None, context: Any = None, state: Any = None) -> None:
        """Without any state."""

    def process_event(self, event: Any, parameters: Any, tick: bool = False) -> dict[str, int]:
        """The sum of all frames."""
        total = 0
        for packet in event.streams.values():
            if len(packet.frames) > 1:
                total += int(np.frombuffer(packet.frames[1], np.uint64).sum())
        return {"sum": total}


class StampWorker:
    """Passes on when a frame was to be sent."""

    def __init__(self, parameters: Any = None, context: Any = None, state: Any = None) -> None:
        """Without any state."""

    def process_event(self, event: Any, parameters: Any, tick: bool = False) -> dict[str, int] | None:
        """The first eight bytes of the frame; nothing for header and end."""
        for packet in event.streams.values():
            if len(packet.frames) > 1:
                return {"stamp": int.from_bytes(memoryview(packet.frames[1])[:8], "little")}
        return None


class MarkWorker:
    """Passes on the value of a parameter."""

    def __init__(self, parameters: Any = None, context: Any = None, state: Any = None) -> None:
        """Without any state."""

    @staticmethod
    def describe_parameters() -> list[Any]:
        """One, whose value is the time at which it was set (``monotonic_ns``)."""
        return [IntParameter(name=MARK)]

    def process_event(self, event: Any, parameters: Any, tick: bool = False) -> dict[str, int]:
        """Its value at this event."""
        return {MARK: int(parameters[MARK].value or 0) if MARK in parameters else 0}


class Reducer:
    """Counts results, and collects how late they are."""

    def __init__(self, parameters: Any = None, context: Any = None, state: Any = None) -> None:
        self.publish: dict[str, Any] = {"results": 0}
        self._results = 0
        self._lateness: list[int] = []
        self._mark = 0
        self._marks: list[int] = []

    def process_result(self, result: Any, parameters: Any = None) -> None:
        """One more."""
        self._results += 1
        payload = result.payload
        if "stamp" in payload:
            self._lateness.append(time.monotonic_ns() - payload["stamp"])
        elif payload.get(MARK, 0) > self._mark:
            self._mark = payload[MARK]
            self._marks.append(time.monotonic_ns() - self._mark)

    def finish(self, parameters: Any = None) -> None:
        """Write down what was found: times in ms."""
        self.publish["results"] = self._results
        if "BENCH_RESULT" not in os.environ:
            return
        path = Path(os.environ["BENCH_RESULT"])
        found = {
            "results": self._results,
            **percentiles(self._lateness),
            "marks": [n / 1e6 for n in self._marks],
        }
        path.with_suffix(".part").write_text(json.dumps(found))
        path.with_suffix(".part").replace(path)


def percentiles(lateness: list[int]) -> dict[str, float]:
    """Median, 99 % and worst of times in ns, in ms; nothing for none."""
    if not lateness:
        return {}
    p50, p99, worst = np.percentile(lateness, [50, 99, 100]) / 1e6
    return {"p50": float(p50), "p99": float(p99), "max": float(worst)}

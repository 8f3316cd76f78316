"""One replay in a process of its own: python replay_once.py WAY FILE WORKER; prints the seconds and the number of results as JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def by_loop(file: str, worker: str) -> int:
    """Read the file and call the hooks, in a loop; the events go to two workers in turn, the first one to both."""
    import comparison_analysis

    from beamloom.events import Event, Result
    from beamloom.recordings import RecordingReader

    parameters: dict[str, Any] = {}
    workers = [getattr(comparison_analysis, worker)() for _ in range(2)]
    reducer = comparison_analysis.Reducer()
    for number, record in enumerate(RecordingReader(file)):
        event = Event(record.event_number, record.streams)
        for one in workers if number == 0 else [workers[number % 2]]:
            payload = one.process_event(event, parameters)
            if payload is not None:
                reducer.process_result(Result(record.event_number, "worker", "", payload), parameters)
    reducer.finish()
    return int(reducer.publish["results"])


def by_beamloom(file: str, worker: str) -> int:
    """By Beamloom's replay."""
    from beamloom.replay import replay

    report = replay(f"comparison_analysis:{worker}", "comparison_analysis:Reducer", [file])
    return int(report.publish["results"])


def by_dranspose(file: str, worker: str) -> int:
    """By dranspose's own replay."""
    from dranspose.replay import replay

    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        os.environ["BENCH_RESULT"] = str(result)
        replay(f"comparison_analysis:{worker}", "comparison_analysis:Reducer", [file])
        return int(json.loads(result.read_text())["results"])


def main() -> None:
    """Replay, measure, print."""
    way = {"plain loop": by_loop, "beamloom": by_beamloom, "dranspose": by_dranspose}[sys.argv[1]]
    # What is imported once is not part of the replay, nor is the device that the recording is of.
    for module in (
        ("dranspose.replay",)
        if way is by_dranspose
        else ("beamloom.recordings", "beamloom.replay", "beamloom.devices.stins")
    ):
        importlib.import_module(module)
    importlib.import_module("comparison_analysis")

    begin = time.perf_counter()
    results = way(sys.argv[2], sys.argv[3])
    print(json.dumps([time.perf_counter() - begin, results]))


if __name__ == "__main__":
    main()

"""Whether memory stays flat: one run of many small events through real processes, and what each process holds meanwhile.

Prints a table of the memory of each process, puts a plot of it beside the other output, and ends with one JSON line. The first fifth of
the run is the warm-up; growth is from there to the end, each the mean of some samples. Memory is what is resident and not shared, as the
frames in shared memory belong to all. A million events by default, about a minute; ``--events 10000000`` for the long form.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from bench_pipeline import BenchPipeline

EVENTS = 1_000_000
FRAME_BYTES = 64
BATCH = 16
"""Consecutive events to the same worker."""
RETENTION = 4 << 20
"""Bytes of packets that an ingester may keep."""
WARM_UP = 0.2
"""Share of the run."""
AT_LEAST = 120
"""Samples in all, however short the run is."""
MOST_GROWTH = 5.0
"""MB that are taken for flat."""
OUT = Path(__file__).resolve().parent.parent / "out"

Samples = list[tuple[float, int, dict[str, float]]]
"""Seconds since the beginning, events settled, MB by process."""


class Sampler:
    """Looks at a pipeline in a thread of its own."""

    def __init__(self, pipeline: BenchPipeline, interval: float) -> None:
        self.samples: Samples = []
        self._pipeline = pipeline
        self._interval = interval
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="sampler")

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._enough.set()
        self._thread.join()

    def _look_on(self) -> None:
        begin = time.monotonic()
        while not self._enough.wait(self._interval):
            settled = int(self._pipeline.get("progress")["completed_events"])
            held = {
                status.name: own_megabytes(status.pid)
                for status in self._pipeline.placement.status()
                if status.pid is not None
            }
            self.samples.append((time.monotonic() - begin, settled, held))


def own_megabytes(pid: int) -> float:
    """What is resident of a process and not in shared memory."""
    fields = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return (int(fields["VmRSS"].split()[0]) - int(fields["RssShmem"].split()[0])) / 1024


def growth(samples: Samples, events: int) -> dict[str, dict[str, float]]:
    """By process: MB after the warm-up and at the end, the most in between, and the growth."""
    after = [held for _, settled, held in samples if settled >= WARM_UP * events]
    some = max(1, len(after) // 10)
    found = {}
    for name in after[0]:
        values = [held[name] for held in after]
        begin, end = statistics.fmean(values[:some]), statistics.fmean(values[-some:])
        found[name] = {"warm": begin, "end": end, "most": max(values), "growth": end - begin}
    return found


def plot(samples: Samples, path: Path, title: str) -> None:
    """The memory of each process over the events."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for name in samples[0][2]:
        axes.plot(
            [settled / 1e6 for _, settled, _ in samples], [held[name] for *_, held in samples], label=name
        )
    axes.set(xlabel="events settled / million", ylabel="memory of its own / MB", title=title)
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def soak(events: int, frame_bytes: int, interval: float) -> tuple[Samples, dict[str, Any]]:
    """One run of so many events; the samples, and the progress at its end."""
    with tempfile.TemporaryDirectory(prefix="beamloom-soak-") as state:
        os.environ["XDG_STATE_HOME"] = state
        # The detector sends as fast as it is read: what waits for the workers is to reach its limit in the warm-up.
        with (
            BenchPipeline(1, frame_bytes=frame_bytes, retention_bytes=RETENTION) as pipeline,
            Sampler(pipeline, interval) as sampler,
        ):
            seconds, progress = pipeline.run(events, BATCH)
            # What is held once nothing is left to do is what a leak would be.
            time.sleep(2 * interval)
    return sampler.samples, {**progress, "seconds": seconds}


def main() -> int:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--frame-bytes", type=int, default=FRAME_BYTES)
    parser.add_argument("--json", action="store_true", help="only the last line")
    asked = parser.parse_args()
    interval = min(2.0, max(0.1, asked.events / 20_000 / AT_LEAST))
    samples, end = soak(asked.events, asked.frame_bytes, interval)
    held = growth(samples, asked.events)
    rate = asked.events / end["seconds"]
    path = OUT / "soak.png"
    plot(samples, path, f"{asked.events:,} events of {asked.frame_bytes} bytes at {rate:,.0f}/s")
    if not asked.json:
        print(f"{'process':<20}{'after warm-up':>14}{'at the end':>12}{'most':>9}{'growth':>9}  (MB)")
        for name, one in held.items():
            columns = f"{one['warm']:>14.1f}{one['end']:>12.1f}{one['most']:>9.1f}{one['growth']:>+9.1f}"
            print(f"{name:<20}{columns}")
        print(f"{asked.events:,} events in {end['seconds']:.0f} s, {rate:,.0f}/s; the plot is {path}")
    outcome = {
        "events": asked.events,
        "lost": end["lost"],
        "failed": end["failed"],
        "seconds": round(end["seconds"], 1),
        "growth": {name: round(one["growth"], 2) for name, one in held.items()},
        "flat": all(one["growth"] < MOST_GROWTH for one in held.values()),
    }
    print(json.dumps(outcome))
    return 0 if outcome["flat"] else 1


if __name__ == "__main__":
    raise SystemExit(main())

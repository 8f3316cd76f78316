"""What the promises cost: CPU time of an event with each of them, beside that without.

Journal, store, guards and keys are switched off and on in real pipelines, in turn. The ledger is what a run is made of and cannot be left
out: the same reports are given to a ledger alone, and its part of the time of the engine's run is taken away.
"""

from __future__ import annotations

import functools
import tempfile
import time
from pathlib import Path

from bench_pipeline import BenchPipeline

from beamloom.engine.accounts.ledger import Ledger
from beamloom.transport.keys import new_keys, write_keys
from beamloom.triggermap import uniform
from comparison.growth import REPORTED, decide
from comparison.measuring import FRAME_BYTES, Bench, Compared, Setup, System, rate
from comparison.table import BEAMLOOM, Row

ALL = "all"
WITHOUT = {
    "journal": "journal of results",
    "store": "store of the controller's state",
    "guard": "guards of the workers",
}
TITLE = "cost of an event with the {} beside without"


def measure(bench: Bench) -> list[Row]:
    """A row for each promise."""
    with tempfile.TemporaryDirectory(prefix="beamloom-bench-") as folder:
        keys = Path(folder) / "pipeline.keys"
        write_keys(keys, new_keys())
        start = functools.partial(BenchPipeline, 1, analysis="comparison_analysis:CountingWorker")
        setups: dict[str, Setup] = {ALL: start}
        setups |= {name: functools.partial(start, without=(name,)) for name in WITHOUT}
        setups["curve"] = functools.partial(start, keys=str(keys))

        def events(name: str, pipeline: System) -> dict[str, float]:
            pipeline.run(bench.size(20_000, 5_000, 100), frame_bytes=FRAME_BYTES)
            return rate(pipeline, bench.size(100_000, 20_000, 500), "rate", frame_bytes=FRAME_BYTES)

        compared = bench.compare(setups, events, 3)
    rows = [_row(compared, name, title, ALL, name) for name, title in WITHOUT.items()]
    return [_ledger(bench), *rows, _row(compared, "curve", "encryption (CURVE)", "curve", ALL)]


def _row(compared: Compared, name: str, title: str, with_it: str, without: str) -> Row:
    row = Row(f"cost_{name}", TITLE.format(title), "×", more_is_better=False)
    costs = {which: compared.median(which, "rate_cpu_us") for which in (with_it, without)}
    if costs[with_it] and costs[without]:
        row.figures[BEAMLOOM] = costs[with_it] / costs[without]  # type: ignore[operator]
    else:
        row.missing[BEAMLOOM] = "; ".join(compared.missing.get(which, "not measured") for which in costs)
    row.detail = {
        "cpu_us": {"with": costs[with_it], "without": costs[without]},
        "events_per_second": {
            "with": compared.median(with_it, "rate"),
            "without": compared.median(without, "rate"),
        },
    }
    return row


def _ledger(bench: Bench) -> Row:
    count = bench.size(1_000_000, 200_000, 5_000)
    whole = min(decide(uniform(["camera"], count), 2) for _ in range(3))
    alone = min(_keep_account(count) for _ in range(3))
    row = Row("cost_ledger", TITLE.format("ledger") + ", engine alone", "×", more_is_better=False)
    row.figures[BEAMLOOM] = whole / max(whole - alone, 1e-9)
    row.detail["cpu_us"] = {"with": 1e6 * whole / count, "ledger": 1e6 * alone / count}
    return row


def _keep_account(count: int) -> float:
    ledger = Ledger(count)
    begin = time.process_time()
    for first in range(0, count, REPORTED):
        stop = min(first + REPORTED, count)
        ledger.assign_until(stop)
        ledger.reduce(first, stop)
        ledger.take_news()
    return time.process_time() - begin

"""What it costs the controller to keep its state, and how soon another one stands where it stood.

The engine is driven as by four workers, two streams and a reducer that report in batches of 64 events, with nothing else in the way: the
most that a controller can decide. Prints events/s without a store, with one, their ratio, and the time to restore the state from the
store, run by run with as many entries behind the checkpoint as there ever are.

    python benchmarks/controller_store.py [--events 2000000] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from beamloom.engine.runs.checkpoint import freeze
from beamloom.engine.runs.run import Run, RunSettings
from beamloom.services.controller.restoring import restore
from beamloom.services.controller.statekeeping import ActiveState, ControllerState, RunPapers, StateKeeper
from beamloom.store import Scribe, SqliteStore
from beamloom.triggermap import TriggerMap, uniform

WORKERS = [f"worker-{number}@00000000" for number in range(4)]
BATCH = 64
REPORT_EVERY = 0.1


def decide(run: Run, keeper: StateKeeper | None, trigger_map: TriggerMap) -> float:
    """Let the run go through all its events; returns the seconds that took."""

    def snapshot() -> ControllerState:
        return ControllerState(active=ActiveState(run.run_id, freeze(run), {}, []))

    if keeper is not None:
        body = trigger_map.encode()
        keeper.checkpoint(snapshot, RunPapers(run.run_id, body, body, 0.0, None, freeze(run)))
        run.witness = keeper.hear
    total = trigger_map.total_events or 0
    began = time.perf_counter()
    now, told_at, spans = began, began, []
    while run.ledger.settled_count < total:
        now = time.perf_counter()
        if now - told_at > REPORT_EVERY:
            told_at = now
            for stream in trigger_map.streams:
                run.progress(stream, run.last_assigned, run.last_assigned, ended=False, now=now)
        step = run.advance(now)
        if keeper is not None and step:
            keeper.flush()
        spans = step.spans
        for worker, slot, first, stop in _batches(spans):
            run.taken(worker, slot, first, stop, now)
        if keeper is not None:
            keeper.turn(now, snapshot)
    return time.perf_counter() - began


def _batches(spans: list) -> Iterator[tuple[str, int, int, int]]:  # type: ignore[type-arg]
    for span in spans:
        for first in range(span.first, span.stop, BATCH):
            yield span.worker, span.slot, first, min(first + BATCH, span.stop)


def new_run(trigger_map: TriggerMap) -> Run:
    """A run with four workers."""
    run = Run("run", trigger_map, RunSettings(), time.perf_counter())
    for worker in WORKERS:
        run.add_worker(worker, {"generic"}, time.perf_counter())
    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument(
        "--folder", type=Path, help="on which disk the store is; by default that of temporary files"
    )
    arguments = parser.parse_args()
    trigger_map = uniform(["camera", "encoder"], arguments.events)
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for policy in ("none", "never", "interval", "always"):
            keeper = None
            if policy != "none":
                (place := Path(folder) / policy).mkdir()
                keeper = StateKeeper(Scribe(SqliteStore(place, policy)))
            seconds = decide(new_run(trigger_map), keeper, trigger_map)
            rates[policy] = arguments.events / seconds
            if keeper is not None:
                keeper.close()
            share = f"  {rates[policy] / rates['none']:.0%} of that" if keeper else ""
            print(f"store, sync {policy:<10}{rates[policy]:>12,.0f} events/s{share}")
        store = SqliteStore(Path(folder) / "interval")
        began = time.perf_counter()
        restored = restore(store.load())
        resumed = time.perf_counter() - began
        store.close()
    settled = 0 if restored.run is None else restored.run.ledger.settled_count
    print(
        f"restored in {resumed:.3f} s: {restored.entries} entries behind the checkpoint, {settled:,} events settled"
    )
    figures = {f"events_per_s_{name}": round(rate) for name, rate in rates.items()}
    print(json.dumps({**figures, "restored_s": round(resumed, 4), "entries": restored.entries}))


if __name__ == "__main__":
    main()

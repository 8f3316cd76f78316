"""What an event costs as the work grows: more events in a run, more streams, more workers. It is to stay the same.

Costs are CPU time of all processes together, from the first packet on: that depends least on what else the machine does.
A short run is repeated, and the sum is taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench_pipeline import PATIENCE, BenchPipeline
from sources import cpu_of

from beamloom.engine.runs.run import Run, RunSettings
from beamloom.triggermap import TriggerMap, uniform
from comparison.measuring import FRAME_BYTES, Bench
from comparison.table import BEAMLOOM, Floor, Row

FLAT = 1.25
"""So much more than at the beginning still counts as the same: what a machine differs by itself."""
FLOORS = (Floor(FLAT, at_most=True),)
STREAMS = (1, 2, 4, 8, 16)
INGESTERS = 2
"""What many small streams are shared by: one for each processor of the machine that the floors are for."""
WORKERS = (1, 2, 4, 8, 16, 32)
WARM = 100_000
"""Events after which all caches are filled."""
GROWING = ("controller", "reducer", "detector0-ingester")
"""Processes whose memory is looked at."""
RETAINED = 2**25
"""Bytes, which are full when all caches are."""
REPORTED = 64
"""Events of which a reducer reports at once, when the scheduler is alone."""


def events(bench: Bench) -> list[Row]:
    """10^3 to 10^7 events in a run, the last where the time is left for it; cost and memory."""
    biggest = bench.size(7, 5, 3)
    costs: dict[int, float] = {}
    memory: dict[int, dict[str, float]] = {}
    seconds_each = 0.0
    skipped = ""
    # A detector that sends without a pause is faster than all behind it: an ingester retains as much as it may.
    analysis = "comparison_analysis:CountingWorker"
    with BenchPipeline(1, analysis=analysis, retention_bytes=RETAINED) as pipeline:
        pipeline.run(bench.size(20_000, 5_000, 200), frame_bytes=FRAME_BYTES)
        for exponent in range(3, biggest + 1):
            count = 10**exponent
            if 1.3 * count * seconds_each > min(bench.left, PATIENCE):
                skipped = f"10^{exponent} events would have taken {count * seconds_each / 60:.0f} minutes"
                break
            repeats = max(bench.size(30_000, 10_000, 1000) // count, 1)
            cpu = seconds = 0.0
            for _ in range(repeats):
                pipeline.arm(count)
                before = cpu_of(pipeline.pids)
                begin = time.perf_counter()
                pipeline.send(count, FRAME_BYTES)
                seconds += pipeline.wait(begin)[0]
                after = cpu_of(pipeline.pids)
                cpu += sum(after.values()) - sum(before.values())
            costs[count] = 1e6 * cpu / (count * repeats)
            memory[count] = {name: pipeline.memory_mb(name) for name in GROWING}
            seconds_each = seconds / (count * repeats)
    row = _row("growth_events", "cost of an event as the run grows", costs)
    if skipped:
        row.missing["beamloom"] = skipped
    # Before that, an ingester has not yet retained as much as it ever does at once.
    few, many = WARM if WARM in memory else min(memory), max(memory)
    title = f"memory that a process has more after {many:,} events than after {few:,}"
    grown = Row("growth_memory", title, "MB", more_is_better=False)
    grown.figures[BEAMLOOM] = max(memory[many][name] - memory[few][name] for name in GROWING)
    grown.detail["mb"] = memory
    grown.floors = (Floor(20, at_most=True),)
    return [row, grown]


def streams(bench: Bench) -> list[Row]:
    """1 to 16 streams; the cost of a packet, where the streams share an ingester for each processor and where each has its own."""
    numbers = STREAMS if bench.scale != "tiny" else STREAMS[:2]
    shared: dict[int, float] = {}
    alone: dict[int, float] = {}
    for number in numbers:
        if bench.left < 30:
            break
        alone[number] = _packet_cost(bench, number)
        # With so few streams it is the same.
        shared[number] = _packet_cost(bench, number, INGESTERS) if number > INGESTERS else alone[number]
    title = "cost of a packet as streams are added"
    return [
        _row("growth_streams", f"{title}, {INGESTERS} ingesters for all", shared, "streams"),
        _row("growth_ingesters", f"{title}, an ingester for each", alone, "streams", floors=()),
    ]


def _packet_cost(bench: Bench, streams: int, sharing: int = 0) -> float:
    """Microseconds of all processes for a packet of one of so many streams; ``sharing`` as of a ``BenchPipeline``."""
    count = bench.size(60_000, 10_000, 200) // streams
    with BenchPipeline(streams, analysis="comparison_analysis:CountingWorker", sharing=sharing) as pipeline:
        pipeline.run(max(count // 10, 100), frame_bytes=FRAME_BYTES)
        pipeline.arm(count)
        before = cpu_of(pipeline.pids)
        pipeline.send(count, FRAME_BYTES)
        pipeline.wait(time.perf_counter())
        used = sum(cpu_of(pipeline.pids).values()) - sum(before.values())
        return 1e6 * used / (count * streams)


def workers(bench: Bench) -> list[Row]:
    """1 to 32 workers; the engine's run alone, all others simulated."""
    count = bench.size(1_000_000, 200_000, 5_000)
    trigger_map = uniform(["camera"], count)
    costs = {number: 1e6 * min(decide(trigger_map, number) for _ in range(3)) / count for number in WORKERS}
    return [
        _row("growth_workers", "cost of an event in the scheduler as workers are added", costs, "workers")
    ]


def decide(trigger_map: TriggerMap, workers: int) -> float:
    """Let the engine lease and settle all events of a run; returns the CPU seconds of that."""
    total = trigger_map.total_events or 0
    now = 0.0
    run = Run("run", trigger_map, RunSettings(), now)
    for number in range(workers):
        run.add_worker(f"worker-{number}", {"generic"}, now)
    begin = time.process_time()
    while run.ledger.settled_count < total:
        now += 0.001
        for stream in trigger_map.streams:
            run.progress(stream, run.last_assigned, run.last_assigned, ended=False, now=now)
        for span in run.advance(now).spans:
            for first, stop in _reported(span.first, span.stop):
                run.taken(span.worker, span.slot, first, stop, now)
    return time.process_time() - begin


def _reported(first: int, stop: int) -> Iterator[tuple[int, int]]:
    for at in range(first, stop, REPORTED):
        yield at, min(at + REPORTED, stop)


def _row(
    name: str,
    title: str,
    costs: dict[int, float],
    what: str = "events",
    *,
    floors: tuple[Floor, ...] = FLOORS,
) -> Row:
    """The cost where the work is largest, beside that where it is smallest; the cheaper of the two smallest stands for that."""
    title = f"{title}, {max(costs):,} beside {min(costs):,} {what}"
    row = Row(name, title, "×", floors=floors, more_is_better=False)
    few = min(list(costs.values())[:2])
    row.figures[BEAMLOOM] = costs[max(costs)] / few if few else 1.0
    row.detail["us"] = costs
    return row

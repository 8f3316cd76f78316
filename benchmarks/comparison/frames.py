"""Large frames, every byte read by the worker: GB/s from the detector to the result."""

from __future__ import annotations

import math
import time

import numpy as np
from bench_pipeline import BenchPipeline

from comparison.measuring import Bench, Setup, System, rate
from comparison.table import BEAMLOOM, DRANSPOSE, MEMCPY, PYZMQ, Floor, Row

SIZES = {"512kB": (1 << 19, 4000), "8MB": (1 << 23, 300)}
"""Bytes of a frame, and how many of them."""
BATCH = 10
"""The map is batched, because dranspose has its best figures so; the other two have no use for it."""
ANALYSIS = "comparison_analysis:ReadingWorker"
COLD_BYTES = 1 << 28


def measure(bench: Bench) -> list[Row]:
    """By TCP, through shared memory, and with a source that writes there."""
    tcp = bench.compare(
        bench.setups(1, "ReadingWorker", BATCH, shared_memory="off"),
        lambda name, system: _both_sizes(bench, name, system),
        3,
    )
    reading: dict[str, Setup] = {BEAMLOOM: lambda: BenchPipeline(1, analysis=ANALYSIS)}
    shared = bench.compare(reading, lambda name, system: _both_sizes(bench, name, system), 3)
    written = {
        size: bench.compare(_writing(size), lambda name, system, size=size: _one_size(bench, system, size), 3)  # type: ignore[misc]
        for size in SIZES
    }
    for compared in (shared, *written.values()):
        for name in (DRANSPOSE, PYZMQ):
            compared.values[name] = tcp.values.get(name, {})
            if name in tcp.missing:
                compared.missing[name] = tcp.missing[name]
    copied = {size: [memcpy(nbytes)] for size, (nbytes, _) in SIZES.items()}
    for compared in (tcp, shared, *written.values()):
        compared.values[MEMCPY] = copied
    rows = []
    for size, by_tcp, in_shared, floor_written in (
        ("512kB", (), (Floor(2.0),), (Floor(3.5),)),
        ("8MB", (Floor(1.1, DRANSPOSE), Floor(0.9, PYZMQ)), (), (Floor(1.8, DRANSPOSE),)),
    ):
        what = f"{size.replace('MB', ' MB').replace('kB', ' kB')} frames, all read"
        rows += [
            tcp.row(f"frames_{size}_tcp", f"{what}, TCP", "GB/s", size, floors=by_tcp),
            shared.row(
                f"frames_{size}_read",
                f"{what}, by TCP to the ingester, then shared",
                "GB/s",
                size,
                floors=in_shared,
            ),
            written[size].row(
                f"frames_{size}_shared",
                f"{what}, written to shared memory by the source",
                "GB/s",
                size,
                floors=floor_written,
            ),
        ]
    return rows


def _writing(size: str) -> dict[str, Setup]:
    """A generator, which copies each frame into the memory that workers read."""
    side = math.isqrt(SIZES[size][0] // 2)
    device = {
        "device": "generator",
        "url": "generator:",
        "kind": "images",
        "shape": [side, side],
        "distinct": 1,
        "items": 0,
    }
    return {BEAMLOOM: lambda: BenchPipeline(1, analysis=ANALYSIS, device=device)}


def _one_size(bench: Bench, system: System, size: str) -> dict[str, float]:
    nbytes, full = SIZES[size]
    # The generator makes its image when the run begins, so the run is longer.
    frames = bench.size(4 * full, full // 5, 20)
    system.run(max(frames // 10, 10), batch=BATCH, frame_bytes=nbytes)
    return rate(system, frames, size, nbytes / 1e9, batch=BATCH, frame_bytes=nbytes)


def _both_sizes(bench: Bench, name: str, system: System) -> dict[str, float]:
    found: dict[str, float] = {}
    for size, (nbytes, full) in SIZES.items():
        frames = bench.size(full, full // 5, 20) // (4 if name == DRANSPOSE and size == "512kB" else 1)
        system.run(max(frames // 10, 10), batch=BATCH, frame_bytes=nbytes)
        found |= rate(system, frames, size, nbytes / 1e9, batch=BATCH, frame_bytes=nbytes)
    return found


def memcpy(nbytes: int) -> float:
    """GB/s of copying frames that are in no cache, by one core."""
    frames = max(COLD_BYTES // nbytes, 1)
    source, target = np.ones((frames, nbytes), np.uint8), np.ones((frames, nbytes), np.uint8)
    begin = time.perf_counter()
    for taken, written in zip(source, target, strict=True):
        np.copyto(written, taken)
    return frames * nbytes / 1e9 / (time.perf_counter() - begin)

"""Large frames, every byte read by the worker: GB/s from the detector to the result."""

from __future__ import annotations

import time

import numpy as np
from bench_pipeline import BenchPipeline

from beamloom.settings import IngesterSettings, settings_of
from comparison.measuring import Bench, Compared, Setup, System, rate
from comparison.table import DRANSPOSE, MEMCPY, PYZMQ, Floor, Row

SIZES = {"512kB": (1 << 19, 4000), "8MB": (1 << 23, 300)}
"""Bytes of a frame, and how many of them."""
BATCH = 10
"""The map is batched, because dranspose has its best figures so; the other two have no use for it."""
SHARED = "shared_memory"
"""The setting that says whether frames go through shared memory where they can."""
COLD_BYTES = 1 << 28


def measure(bench: Bench) -> list[Row]:
    """By TCP, and through shared memory where this version of Beamloom can."""
    can_share = SHARED in settings_of(IngesterSettings)
    by_tcp = bench.setups(1, "ReadingWorker", BATCH, **({SHARED: "off"} if can_share else {}))
    tcp = bench.compare(by_tcp, lambda name, system: _both_sizes(bench, name, system), 3)
    sharing: dict[str, Setup] = {
        "beamloom": lambda: BenchPipeline(1, analysis="comparison_analysis:ReadingWorker")
    }
    shared = Compared({}, {"beamloom": "this version has no shared memory"})
    if can_share:
        shared = bench.compare(sharing, lambda name, system: _both_sizes(bench, name, system), 3)
    for name in (DRANSPOSE, PYZMQ):
        shared.values[name] = tcp.values.get(name, {})
        if name in tcp.missing:
            shared.missing[name] = tcp.missing[name]
    for compared in (tcp, shared):
        compared.values[MEMCPY] = {size: [memcpy(nbytes)] for size, (nbytes, _) in SIZES.items()}
    return [
        tcp.row("frames_512kB_tcp", "512 kB frames, all read, TCP", "GB/s", "512kB", floors=(Floor(2.0),)),
        shared.row(
            "frames_512kB_shared",
            "512 kB frames, all read, shared memory",
            "GB/s",
            "512kB",
            floors=(Floor(3.5),),
        ),
        tcp.row(
            "frames_8MB_tcp",
            "8 MB frames, all read, TCP",
            "GB/s",
            "8MB",
            floors=(Floor(1.1, DRANSPOSE), Floor(0.9, PYZMQ)),
        ),
        shared.row(
            "frames_8MB_shared",
            "8 MB frames, all read, shared memory",
            "GB/s",
            "8MB",
            floors=(Floor(1.8, DRANSPOSE),),
        ),
    ]


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

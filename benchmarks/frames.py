"""Frames of three sizes, every byte read by two workers: by TCP, through shared memory, written there by the source, ZeroMQ alone, memcpy.

    python benchmarks/frames.py [--megabytes 2000] [--rounds 3]

GB/s, and the CPU time of all processes in us per frame, which says more where the machine has other things to do. Medians, all in turn.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict

from bench_pipeline import BenchPipeline
from comparison.frames import ANALYSIS, BATCH, memcpy
from comparison.measuring import Setup, rate
from comparison.plain_pipeline import PlainPipeline

SIZES = {"64 kB": 1 << 16, "512 kB": 1 << 19, "8 MB": 1 << 23}


def generator(nbytes: int) -> dict[str, object]:
    """A source that copies the same image again and again to where it is read."""
    rows = 1 << (nbytes // 2).bit_length() // 2
    shape = [rows, nbytes // 2 // rows]
    return {
        "device": "generator",
        "url": "generator:",
        "kind": "images",
        "shape": shape,
        "distinct": 1,
        "items": 0,
    }


def ways(nbytes: int) -> dict[str, Setup]:
    """What is compared."""
    device = generator(nbytes)
    return {
        "TCP": lambda: BenchPipeline(1, analysis=ANALYSIS, shared_memory="off"),
        "shared": lambda: BenchPipeline(1, analysis=ANALYSIS),
        "source, TCP": lambda: BenchPipeline(1, analysis=ANALYSIS, device=device, shared_memory="off"),
        "source, shared": lambda: BenchPipeline(1, analysis=ANALYSIS, device=device),
        "ZeroMQ alone": lambda: PlainPipeline(1, ANALYSIS, block=BATCH),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=2000, help="of frames in each run")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for size, nbytes in SIZES.items():
        frames = min(max(arguments.megabytes * 1_000_000 // nbytes, 50), 20_000)
        found: dict[str, list[dict[str, float]]] = defaultdict(list)
        for _ in range(arguments.rounds):
            for name, setup in ways(nbytes).items():
                with setup() as system:
                    system.run(max(frames // 10, 10), batch=BATCH, frame_bytes=nbytes)
                    found[name].append(
                        rate(system, frames, "rate", nbytes / 1e9, batch=BATCH, frame_bytes=nbytes)
                    )
        for name, values in found.items():
            speed = statistics.median(one["rate"] for one in values)
            cpu = statistics.median(one["rate_cpu_us"] for one in values)
            print(f"{size:>7}  {name:<15} {speed:6.2f} GB/s {cpu:8.0f} us per frame", flush=True)
        print(f"{size:>7}  {'memcpy':<15} {memcpy(nbytes):6.2f} GB/s", flush=True)


if __name__ == "__main__":
    main()

"""What it costs to have packets, and results, on disk.

Packets: those of one stream are read, given their events, routed, packed as messages and settled a little later, as in an ingester,
without the sockets. ``spill`` has memory for 8 of them, so that nearly all go to disk; ``write ahead`` writes each before it is
routed; ``read back`` reads what was spilled once more, as for another worker. Results: batches are taken by a reducer that adds arrays
up, with and without its journal. Prints MB/s, CPU seconds per GB, and both as ratios to memory alone. Large frames are never touched
where they stay in memory, so that the ratio for 1 MB compares the disk with nothing: look at the MB/s there.

    python benchmarks/spool.py [--megabytes 1024] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from beamloom.analysis import ReducerAnalysis
from beamloom.engine.assignment import Span
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.retention import Retention, WhenFull
from beamloom.engine.streams.router import StreamRouter
from beamloom.events import Packet, Result
from beamloom.services.reducer.safekeeping import Safekeeping
from beamloom.services.reducer.service import ReducerService
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.worker.outbox import Outbox
from beamloom.settings import ReducerSettings
from beamloom.spool import DiskSpool
from beamloom.transport.channel import Received
from beamloom.transport.codec import Encoder
from beamloom.transport.memory import Exchange
from beamloom.transport.messages import CONTROLLER, Arm, Taken
from beamloom.transport.packing import pack
from beamloom.triggermap import uniform

PACKETS = "packets, memory"
RESULTS = "results, no journal"
SIZES = {"1 kB": 1000, "1 MB": 1_000_000}
KEPT = 8
"""Packets in memory before they are spilled."""
UNSETTLED_BYTES = 64 << 20
"""So much is read before anything is settled."""


class Cost:
    """Wall time and CPU time of all threads."""

    def __init__(self, act: Callable[[], int]) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        nbytes = act()
        self.megabytes_per_s = nbytes / (time.perf_counter() - wall) / 1e6
        self.cpu_s_per_gb = (time.process_time() - cpu) / nbytes * 1e9


def route(retention: Retention, size: int, count: int, *, read_back: bool = False) -> int:
    """Take ``count`` packets from the device to the message; returns the bytes that were."""
    router = StreamRouter("camera", stream_layout(uniform(["camera"], count), "camera"), retention)
    frame = bytes(size)
    step = max(1, min(512, (32 << 20) // size))
    behind = max(2 * step, UNSETTLED_BYTES // size)
    for first in range(0, count, step):
        stop = min(first + step, count)
        for delivery in router.assign([Span(first, stop - first, "worker-1")]):
            pack(delivery.packets)
        packets = [Packet("bench", [memoryview(frame)[:]], number) for number in range(first + 1, stop + 1)]
        for delivery in router.arrive(packets):
            pack(delivery.packets)
        if read_back:
            for delivery in router.assign([Span(first, stop - first, "worker-2", attempt=1)]):
                pack(delivery.packets)
        router.release(0, max(0, stop - behind))
    return size * count


class Adding:
    """A reducer that does little."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"sum": 0.0}

    def process_result(self, result: Result) -> None:
        self.publish["sum"] += float(result.payload["array"][0])


def reduce(journal: Safekeeping, size: int, count: int) -> int:
    """Have a reducer take ``count`` results; returns the bytes that were."""
    exchange = Exchange()
    controller, worker = exchange.channel(CONTROLLER), exchange.channel("worker-1@0")
    channel = exchange.channel("reducer@0")
    service = ReducerService(
        ReducerSettings(),
        channel,
        f"memory://{CONTROLLER}",
        lambda: ReducerAnalysis(Adding),
        SnapshotDesk(lambda: None),
        journal=journal,
    )
    now = 0.0
    arm = Arm(
        "run", ("reducer@0", "memory://reducer@0"), {worker.peer: worker.address}, {}, 0, {}, count, 10.0
    )
    service.receive(Received(CONTROLLER, arm, ()), now)
    worker.connect("reducer@0", "memory://reducer@0")
    outbox = Outbox(worker, "reducer@0", "run")
    encoder = Encoder()
    array = np.zeros(size // 8)
    each = max(1, min(64, (1 << 20) // size))
    sent = taken = 0
    while taken < -(-count // each):
        if sent * each < count and sent - taken < 32:
            for event in range(sent * each, min(count, (sent + 1) * each)):
                encoded = encoder.encode({"array": array})
                outbox.add(0, event, 0, [encoded.head], {0: encoded.buffers})
            outbox.flush()
            sent += 1
        for received in channel.receive(0.0):
            service.receive(received, now)
        service.turn(now)
        now += 0.001
        if not controller.receive(0.0):
            # The disk works; whoever waits for it in a process of its own costs nothing.
            time.sleep(0.0001)
        for received in worker.receive(0.0):
            if isinstance(received.message, Taken):
                taken = max(taken, received.message.sequence)
                outbox.taken("reducer@0", taken)
    service.leave("the benchmark ends")
    return size * count


def rows(folder: Path, label: str, size: int, count: int) -> dict[str, Callable[[], int]]:
    """What is measured with frames of one size, by name."""

    def kept(
        name: str, budget: int = 1 << 40, when_full: WhenFull = WhenFull.BLOCK, **more: bool
    ) -> Retention:
        return Retention(budget, when_full, DiskSpool(folder / f"{label}-{name}", 8 << 30), **more)

    def journal(sync: Literal["never", "interval"]) -> Safekeeping:
        return Safekeeping(folder / "journals" / f"{label}-{sync}", ReducerSettings(journal_sync=sync))

    memory = KEPT * size
    return {
        PACKETS: lambda: route(Retention(1 << 40), size, count),
        "packets, spill": lambda: route(kept("spill", memory, WhenFull.SPILL), size, count),
        "packets, spill, read back": lambda: route(
            kept("back", memory, WhenFull.SPILL), size, count, read_back=True
        ),
        "packets, write ahead": lambda: route(kept("ahead", write_ahead=True), size, count),
        RESULTS: lambda: reduce(Safekeeping(), size, count),
        "results, journal, never": lambda: reduce(journal("never"), size, count),
        "results, journal, interval": lambda: reduce(journal("interval"), size, count),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=1024, help="how much goes through each row")
    parser.add_argument("--folder", type=Path, help="on which disk; by default that of temporary files")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for label, size in SIZES.items():
            count = max(64, arguments.megabytes * 1_000_000 // size // (8 if size < 10_000 else 1))
            bases: list[Cost] = []
            for name, act in rows(Path(folder), label, size, count).items():
                cost = Cost(act)
                if name in (PACKETS, RESULTS):
                    bases.append(cost)
                base = bases[-1]
                print(
                    f"{label}  {name:<28}{cost.megabytes_per_s:>10,.0f} MB/s "
                    f"({cost.megabytes_per_s / base.megabytes_per_s:6.1%})"
                    f"{cost.cpu_s_per_gb:>10.2f} CPU s/GB ({cost.cpu_s_per_gb / base.cpu_s_per_gb:6.1f} x)"
                )
                key = f"{label} {name}".replace(",", "").replace(" ", "_")
                figures[key + "_mb_s"] = round(cost.megabytes_per_s, 1)
                figures[key + "_cpu_s_gb"] = round(cost.cpu_s_per_gb, 3)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""How fast one process reads each device: packets per second and GB/s through source and parser, beside plain sockets.

A process sends what the device's generator makes, over and over, as fast as it is taken. It is read in three ways, each in a process of
its own: by the bare socket (pyzmq's ``recv_multipart``, Python's lines of a TCP connection), by the device's source, by source and parser.
Every packet is counted. What is compressed is also unpacked with the parser. A process variable is read by a bare monitor of p4p, posts
over HTTP are taken by Python's own server.

The three take turns, in rounds. What stands in the table are medians: of the rates; of source beside bare socket in the same round
("slower", by the clock); and of the CPU time of the whole reading process for one message, which what else the machine does changes least.
By that it is decided whether a source is at most 30 % slower than the bare socket: the clock of a busy machine tells who had the luck.

    python benchmarks/devices.py [--quick] [--json] [--only DEVICE] [--page docs/reference/speed.md]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

import zmq
from device_processes import MANY, WAYS, Case, Child, Slice, Way, read, send, series_of
from page import put

MB: Final = 1 << 20
SIZES: Final = {"2 kB": (32, 32), "1 MB": (512, 1024), "8 MB": (2048, 2048)}
"""Shapes of uint16 images of this size."""
FEW: Final = 8
"""Items of a series with large frames, which has to fit into memory several times; of others it is ``MANY``."""
ROUNDS: Final = 7
FLOOR: Final = 30.0
"""Per cent that a source may be slower than the plain socket, for messages of 1 MB and more."""


@dataclass
class Row:
    """What was measured: medians of all rounds; rates in packets (or messages) per second, CPU time in microseconds for a message."""

    device: str
    what: str
    bytes_per_message: int
    plain: float
    source: float
    parsed: float
    source_gb_s: float
    plain_cpu_us: float
    source_cpu_us: float
    parsed_cpu_us: float
    slower_percent: float
    """How much slower the source is than the plain socket, by the clock; negative where it is faster."""
    more_cpu_percent: float
    """How much more CPU time it takes for a message."""

    @property
    def misses(self) -> bool:
        """Whether frames are large and the source does fewer of them than it may, in the same CPU time."""
        return self.bytes_per_message >= MB and self.plain_cpu_us < (1 - FLOOR / 100) * self.source_cpu_us


def few(shape: tuple[int, int]) -> int:
    """How many images of this shape are sent over and over."""
    return MANY if shape[0] * shape[1] < MB // 4 else FEW


def cases() -> Iterator[Case]:
    """All that is measured."""
    for size, shape in SIZES.items():
        yield Case("stins", size, {"shape": shape, "dtype": "uint16"}, {}, items=few(shape))
    for size, shape in SIZES.items():
        keywords = {"shape": shape, "dtype": "uint16", "encoding": "none"}
        yield Case("dectris_v1", size, keywords, {}, items=few(shape))
    for size, shape in SIZES.items():
        keywords = {"shape": shape, "dtype": "uint16", "compression": "none"}
        yield Case("dectris_v2", size, keywords, {}, items=few(shape))
    for device in ("dectris_v1", "dectris_v2"):
        how = "encoding" if device == "dectris_v1" else "compression"
        for size, shape in list(SIZES.items())[1:]:
            packed = {"shape": shape, "dtype": "uint16", how: "bslz4"}
            yield Case(device, f"{size}, packed by bslz4", packed, {}, items=few(shape), unpacked=True)
    for size, shape in SIZES.items():
        keywords = {"shape": shape, "dtype": "uint16"}
        yield Case("adzmq", size, keywords, {"first_frame": 1}, zmq.SUB, few(shape))
    for size, shape in SIZES.items():
        yield Case("jungfrau", size, {"shape": shape}, {}, zmq.SUB, few(shape))
    for size, shape in SIZES.items():
        keywords = {"shape": shape, "dtype": "uint16"}
        yield Case("pva", size, keywords, {"queue": 100}, items=few(shape), link="PVA")
    for size, shape in SIZES.items():
        keywords = {"shape": shape, "dtype": "uint16"}
        yield Case("karabo", f"{size}, REQ", keywords, {"socket": "REQ"}, items=few(shape), link="REQ")
    for size, shape in SIZES.items():
        yield Case(
            "karabo",
            f"{size}, PULL",
            {"shape": shape, "dtype": "uint16"},
            {"socket": "PULL"},
            items=few(shape),
        )
    for size, shape in SIZES.items():
        yield Case("generator", f"{size}, PUSH", {"shape": shape}, {}, items=few(shape))
    yield Case("xspress3", "2 x 256 bins", {"channels": 2, "bins": 256}, {}, zmq.SUB)
    yield Case("xspress3", "64 x 4096 bins, 1 MB", {"channels": 64, "bins": 4096}, {}, zmq.SUB, FEW)
    yield Case("xspress3", "512 x 4096 bins, 8 MB", {"channels": 512, "bins": 4096}, {}, zmq.SUB, FEW)
    yield Case("contrast", "points", {"positions": [(i, -i) for i in range(MANY)]}, {}, zmq.SUB)
    yield Case("albaem", "points", {}, {}, zmq.SUB)
    yield Case("pcap", "15 rows a message", {}, {}, zmq.SUB, packets=MANY + 2)
    yield Case("lecroy", "2 ch, 20 traces of 1000", {}, {}, zmq.SUB, packets=MANY + 2)
    yield Case("bluesky", "rows", {}, {}, zmq.SUB)
    yield Case("sardana", "points", {"points": MANY}, {"scans_per_run": 0}, link="HTTP")
    yield Case("pandabox", "rows of text", {"rows": 1000}, {}, None)


def measure(case: Case, seconds: float, rounds: int) -> Row:
    """One row of the table."""
    series = series_of(case)
    size = sum(len(frame) for message in series for frame in message) // len(series)
    per_packet = len(series) / (case.packets or len(series))
    slices: dict[Way, list[Slice]] = {way: [] for way in WAYS}
    with contextlib.ExitStack() as stack:
        readers = {way: stack.enter_context(Child(read, case)) for way in WAYS}
        lasting = stack.enter_context(Child(send, case)) if case.lasts else None
        url = None if lasting is None else lasting.answer()
        for index in range(rounds):
            # Nobody is always the first.
            for way in WAYS[index % 3 :] + WAYS[: index % 3]:
                with Child(send, case) if lasting is None else contextlib.nullcontext(lasting) as sender:
                    readers[way].port.send((way, url or sender.answer(), seconds))
                    slices[way].append(readers[way].answer())
    plain, source, parsed = (median(one.rate for one in slices[way]) for way in WAYS)
    cpu = [median(one.cpu_each for one in slices[way]) for way in WAYS]
    beside = median(
        ours.rate * per_packet / max(bare.rate, 1e-9)
        for bare, ours in zip(slices["plain"], slices["source"], strict=True)
    )
    return Row(
        case.device,
        case.what,
        size,
        plain,
        source,
        parsed,
        median(one.nbytes / one.seconds for one in slices["source"]) / 1e9,
        1e6 * cpu[0],
        1e6 * cpu[1] / per_packet,
        1e6 * cpu[2] / per_packet,
        100 * (1 - beside),
        100 * (cpu[1] / per_packet / cpu[0] - 1),
    )


HEADINGS: Final = (
    ("device", 12),
    ("packets of", 26),
    ("plain /s", 11),
    ("source /s", 11),
    ("+parse /s", 11),
    ("GB/s", 7),
    ("slower", 8),
    ("plain µs", 10),
    ("source µs", 10),
    ("+parse µs", 10),
)


def cells(row: Row) -> list[str]:
    """A row of the table."""
    return [
        row.device,
        row.what,
        f"{row.plain:,.0f}",
        f"{row.source:,.0f}",
        f"{row.parsed:,.0f}",
        f"{row.source_gb_s:.2f}",
        f"{row.slower_percent:.0f} %",
        f"{row.plain_cpu_us:,.1f}",
        f"{row.source_cpu_us:,.1f}",
        f"{row.parsed_cpu_us:,.1f}",
    ]


def line_of(texts: Sequence[str]) -> str:
    """The texts in columns."""
    widths = [width for _, width in HEADINGS]
    return "".join(
        text.ljust(width) if place < 2 else text.rjust(width)
        for place, (text, width) in enumerate(zip(texts, widths, strict=True))
    )


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table or one JSON object per line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three rounds of 0.1 s, not seven of 0.4 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object, last")
    parser.add_argument("--only", metavar="DEVICE", help="measure this device alone")
    parser.add_argument("--page", type=Path, metavar="FILE", help="put the table into this page")
    chosen = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    seconds, rounds = (0.1, 3) if chosen.quick else (0.4, ROUNDS)
    rows = []
    print(line_of([heading for heading, _ in HEADINGS]), flush=True)
    for case in cases():
        if chosen.only in (None, case.device):
            rows.append(measure(case, seconds, rounds))
            print(line_of(cells(rows[-1])), flush=True)
    missed = [f"{row.device}, {row.what}" for row in rows if row.misses]
    print(
        f"more than {FLOOR:.0f} % slower by CPU time, with messages of 1 MB and more: {'; '.join(missed) or 'none'}",
        flush=True,
    )
    if chosen.page is not None:
        note = f"{rounds} rounds of {seconds} s on {os.cpu_count()} cores, shared by sender, reader and a load of {load:.1f} besides."
        put(chosen.page, "devices", [heading for heading, _ in HEADINGS], [cells(row) for row in rows], note)
    if chosen.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "missed": missed}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How fast one process reads frames from files, unpacked: the sources of ``hdf5`` and ``images`` beside loops of h5py and fabio.

Each way gives every frame as an array. The source is read with one reader and with four, and what it gives is unpacked in one thread, as
in one worker. "warm": the files are in the operating system's memory; "cold": it was told to forget them. All ways take turns, in rounds;
what stands in the table are medians, CPU time of all threads among them.

    python benchmarks/files.py [--quick] [--json] [--folder FOLDER] [--page docs/reference/speed.md]
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import select
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import h5py
import numpy as np
from page import put

from beamloom.devices.registry import find_device
from beamloom.devices.simulating.rings import rings
from beamloom.events import Packet, PacketKind
from beamloom.services.shell.freed_memory import keep_freed_memory

SHAPE: Final = (1024, 1024)
ROUNDS: Final = 7
WAIT_SECONDS: Final = 60.0

Frames = Sequence[np.ndarray[Any, np.dtype[Any]]]
Read = Callable[[], int]
"""Reads all frames; returns the sum of their first pixels, so that none is left out."""


@dataclass
class Row:
    """Medians of all rounds."""

    files: str
    way: str
    memory: str
    frames_per_second: float
    mb_per_second: float
    """Of unpacked pixels."""
    cpu_ms: float
    """CPU time for one frame."""


def write_hdf5(folder: Path, frames: Frames, **filters: Any) -> str:
    """One file, a frame a chunk; returns its path."""
    path = folder / f"{len(list(folder.iterdir()))}.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            "entry/data/data", (len(frames), *SHAPE), frames[0].dtype, chunks=(1, *SHAPE), **filters
        )
        file["entry"].attrs["NX_class"] = "NXentry"
        for index, frame in enumerate(frames):
            dataset[index] = frame
    return str(path)


def write_images(folder: Path, frames: Frames, image: str, suffix: str) -> str:
    """A file for each frame; returns the pattern of their names."""
    make = getattr(importlib.import_module(f"fabio.{image.lower()}"), image)
    for index, frame in enumerate(frames, 1):
        make(data=frame.astype(np.int32)).write(str(folder / f"frame_{index:04}.{suffix}"))
    return str(folder / f"*.{suffix}")


def h5py_loop(url: str) -> int:
    """Frame by frame, as an analysis would."""
    with h5py.File(url) as file:
        dataset = file["entry/data/data"]
        return sum(int(dataset[index][0, 0]) for index in range(len(dataset)))


def fabio_loop(url: str) -> int:
    """File by file."""
    fabio, pattern = importlib.import_module("fabio"), Path(url)
    total = 0
    for path in sorted(pattern.parent.glob(pattern.name)):
        with fabio.open(str(path)) as opened:
            total += int(opened.data[0, 0])
    return total


def through_source(device_name: str, url: str, readers: int) -> int:
    """Source and parser."""
    device = find_device(device_name)
    source = device.source(device.settings(url=url, readers=readers))
    source.open()
    total, deadline = 0, time.monotonic() + WAIT_SECONDS
    try:
        while time.monotonic() < deadline:
            select.select([source.pollable], [], [], 1.0)
            for item in source.read(64):
                if not isinstance(item, Packet):
                    raise RuntimeError(item.reason)
                if item.kind is PacketKind.END:
                    return total
                if item.kind is PacketKind.DATA:
                    total += int(device.parse(item).array[0, 0])
    finally:
        source.close()
    raise RuntimeError(f"{url} was not read in {WAIT_SECONDS:.0f} s")


def forget(url: str) -> None:
    """Have the operating system drop the files from its memory, as far as the file system lets it."""
    pattern = Path(url)
    for path in pattern.parent.glob(pattern.name):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(files: str, url: str, ways: dict[str, Read], frames: Frames, rounds: int) -> list[Row]:
    """Rows of all ways to read these files."""
    expected = sum(int(frame[0, 0]) for frame in frames)
    rows = []
    for memory in ("warm", "cold"):
        seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, read in ways.items():
                if memory == "cold":
                    forget(url)
                begun, cpu_begun = time.perf_counter(), time.process_time()
                if read() != expected:
                    raise SystemExit(f"{files}, {way}: the frames are not those that were written")
                seconds[way].append((time.perf_counter() - begun, time.process_time() - cpu_begun))
        for way, each in seconds.items():
            rate = len(frames) / median(one for one, _ in each)
            cpu = median(one for _, one in each) / len(frames)
            rows.append(Row(files, way, memory, rate, rate * frames[0].nbytes / 1e6, 1e3 * cpu))
    return rows


HEADINGS: Final = ("files of", "way", "memory", "frames /s", "MB/s", "CPU ms")


def cells(row: Row) -> list[str]:
    """A row of the table."""
    return [
        row.files,
        row.way,
        row.memory,
        f"{row.frames_per_second:,.0f}",
        f"{row.mb_per_second:,.0f}",
        f"{row.cpu_ms:.2f}",
    ]


def main(arguments: Sequence[str]) -> int:
    """Write, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="three rounds of 40 frames, not seven of 200")
    parser.add_argument("--json", action="store_true", help="print one JSON object, last")
    parser.add_argument(
        "--folder", type=Path, help="where the files are written; by default among temporary ones"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="put the table into this page")
    chosen = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    count, rounds = (40, 3) if chosen.quick else (200, ROUNDS)
    keep_freed_memory()
    plugin = importlib.import_module("hdf5plugin")
    few = list(rings(10, SHAPE, "uint32", 1))
    frames = [few[index % len(few)] for index in range(count)]
    rows: list[Row] = []

    def add(files: str, device: str, url: str, loop: str, read: Callable[[str], int]) -> None:
        ways: dict[str, Read] = {
            loop: lambda: read(url),
            "source, 1 reader": lambda: through_source(device, url, 1),
            "source, 4 readers": lambda: through_source(device, url, 4),
        }
        rows.extend(measure(files, url, ways, frames, rounds))
        for row in rows[-2 * len(ways) :]:
            print("".join(text.ljust(22) for text in cells(row)), flush=True)

    print("".join(heading.ljust(22) for heading in HEADINGS), flush=True)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        for files, filters in (
            ("hdf5, bslz4", plugin.Bitshuffle(cname="lz4")),
            ("hdf5, gzip", {"compression": "gzip", "compression_opts": 1, "shuffle": True}),
            ("hdf5, not packed", {}),
        ):
            add(files, "hdf5", write_hdf5(folder, frames, **filters), "h5py loop", h5py_loop)
        for files, image, suffix in (("images, TIFF", "TifImage", "tif"), ("images, CBF", "CbfImage", "cbf")):
            add(files, "images", write_images(folder, frames, image, suffix), "fabio loop", fabio_loop)
    if chosen.page is not None:
        note = (
            f"{count} frames of {SHAPE[0]} x {SHAPE[1]} of 4 bytes, {rounds} rounds, on {os.cpu_count()} cores with a load of "
            f"{load:.1f} besides."
        )
        put(chosen.page, "files", HEADINGS, [cells(row) for row in rows], note)
    if chosen.json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

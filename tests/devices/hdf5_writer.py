"""Writes HDF5 files as detectors' writers do, in a process of its own: ``python hdf5_writer.py HOW FOLDER FRAMES``.

With a fourth argument, it writes that many frames each time that a line comes, and answers with a line; else as fast as it can.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

SHAPE = (32, 40)
PART = 7
"""Frames of a file, where there are several."""


def image(frame: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """What frame ``frame`` shows."""
    return (np.arange(SHAPE[0] * SHAPE[1], dtype=np.uint16).reshape(SHAPE) * 3 + 7 * frame) % 5003


def growing(file: h5py.File, name: str, chunk: int, **filters: Any) -> h5py.Dataset:
    """A dataset that begins empty."""
    return file.create_dataset(
        name, shape=(0, *SHAPE), maxshape=(None, *SHAPE), chunks=(chunk, *SHAPE), dtype="u2", **filters
    )


def swmr(folder: Path, frames: int, chunk: int = 1, **filters: Any) -> Iterator[None]:
    """One file that others may read along, with an end mark."""
    with h5py.File(folder / ".run.h5", "w", libver="latest") as file:
        end = file.create_dataset("entry/end_time", data=np.array(b"", "S32"))
        file["entry"].attrs["NX_class"] = "NXentry"
        data = growing(file, "entry/data/data", chunk, **filters)
        file.swmr_mode = True
        (folder / ".run.h5").rename(folder / "run.h5")
        for frame in range(frames):
            data.resize(frame + 1, axis=0)
            data[frame] = image(frame)
            data.flush()
            yield
        end[()] = b"2026-01-01T00:00:00Z"
        end.flush()


def swmr_bslz4(folder: Path, frames: int) -> Iterator[None]:
    """Compressed frames."""
    return swmr(folder, frames, **hdf5plugin.Bitshuffle(cname="lz4"))


def swmr_gzip(folder: Path, frames: int) -> Iterator[None]:
    """Chunks of four frames, which are written anew with each of them."""
    return swmr(folder, frames, 4, compression="gzip", shuffle=True)


def flushed(folder: Path, frames: int) -> Iterator[None]:
    """One file that is locked while it is written, and flushed now and then."""
    with h5py.File(folder / "run.h5", "w") as file:
        data = growing(file, "entry/data/data", 1, compression="gzip")
        for frame in range(frames):
            data.resize(frame + 1, axis=0)
            data[frame] = image(frame)
            if frame % 5 == 0:
                file.flush()
            yield


def contiguous(folder: Path, frames: int) -> Iterator[None]:
    """One file with room for all frames, which is sound when it is closed."""
    with h5py.File(folder / "run.h5", "w") as file:
        data = file.create_dataset("entry/data/data", (frames, *SHAPE), "u2")
        for frame in range(frames):
            data[frame] = image(frame)
            file.flush()
            yield


def _parts(folder: Path, frames: int) -> Iterator[int]:
    """Files that are closed one after the other; the number of each when it is closed, 0 before."""
    for part in range(-(-frames // PART)):
        # Under its own name from the first byte on: that it is not whole, its lock says.
        with h5py.File(folder / f"run_data_{part + 1:06d}.h5", "w") as file:
            room = min(PART, frames - PART * part)
            data = file.create_dataset(
                "entry/data/data",
                (room, *SHAPE),
                "u2",
                chunks=(1, *SHAPE),
                **hdf5plugin.Bitshuffle(cname="zstd"),
            )
            for place in range(room):
                data[place] = image(PART * part + place)
                if place < room - 1:
                    yield 0
        yield part + 1


def segments(folder: Path, frames: int) -> Iterator[None]:
    """Closed files of one name and a number."""
    for _ in _parts(folder, frames):
        yield


def _link(file: h5py.File, part: int) -> None:
    file[f"entry/data/data_{part:06d}"] = h5py.ExternalLink(f"run_data_{part:06d}.h5", "/entry/data/data")


def _master(folder: Path) -> Path:
    master = folder / "run_master.h5"
    with h5py.File(master, "w") as file:
        file.create_group("entry").attrs["NX_class"] = "NXentry"
        file.create_group("entry/data").attrs["NX_class"] = "NXdata"
    return master


def master_grows(folder: Path, frames: int) -> Iterator[None]:
    """A master that gets a link for each part that was closed, and an end mark."""
    master = _master(folder)
    for part in _parts(folder, frames):
        if part:
            with h5py.File(master, "r+") as file:
                _link(file, part)
        yield
    with h5py.File(master, "r+") as file:
        file["entry/end_time"] = "2026-01-01T00:00:00Z"


def master_first(folder: Path, frames: int) -> Iterator[None]:
    """A master with all links, before there is anything where they lead, and an end mark."""
    master = _master(folder)
    with h5py.File(master, "r+") as file:
        for part in range(-(-frames // PART)):
            _link(file, part + 1)
    for _ in _parts(folder, frames):
        yield
    with h5py.File(master, "r+") as file:
        file["entry/end_time"] = "2026-01-01T00:00:00Z"


def virtual_first(folder: Path, frames: int) -> Iterator[None]:
    """A virtual dataset of all parts, before there is one of them."""
    layout = h5py.VirtualLayout((frames, *SHAPE), "u2")
    for part, first in enumerate(range(0, frames, PART)):
        room = min(PART, frames - first)
        layout[first : first + room] = h5py.VirtualSource(
            f"run_data_{part + 1:06d}.h5", "/entry/data/data", (room, *SHAPE)
        )
    with h5py.File(folder / ".master.h5", "w", libver="latest") as file:
        file.create_virtual_dataset("/entry/data/data", layout)
    (folder / ".master.h5").rename(folder / "run_master.h5")
    for _ in _parts(folder, frames):
        yield


def main(how: str, folder: str, frames: str, at_a_time: str = "0") -> None:
    """Write."""
    written = globals()[how](Path(folder), int(frames))
    for frame, _ in enumerate(written, 1):
        if int(at_a_time) and frame % int(at_a_time) == 0:
            sys.stdout.write(f"{frame}\n")
            sys.stdout.flush()
            sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])

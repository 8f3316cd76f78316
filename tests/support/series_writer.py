"""A process that writes a series as somebody else does: ``python -m support.series_writer KIND FOLDER FRAMES``.

It writes a third of the frames for each line that it reads, says so when they are where readers can see them, and ends the series with
the last third. The frames are those of ``pixels``.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile

from beamloom import Packet, TriggerMap
from beamloom.recordings import Record, RecordingNames, RecordingWriter, write_mapping
from beamloom.rules import SpoolWriter

RUN = "11111111-2222-3333-4444-555555555555"
Array = np.ndarray[Any, np.dtype[Any]]
Thirds = Iterator[slice]


def pixels(count: int) -> Array:
    """Frames of 60 by 50 pixels that are all different."""
    return np.random.default_rng(count).integers(0, 60000, (count, 60, 50)).astype(np.uint16)


def spool(folder: Path, frames: Array, thirds: Thirds) -> None:
    """As the spool of a camera."""
    with SpoolWriter(folder, (60, 50), "u2") as writer:
        for third in thirds:
            writer.write(frames[third])


def files(folder: Path, frames: Array, thirds: Thirds, suffix: str) -> None:
    """A file for each frame, of which half is there for a while, and a file that ends the folder."""
    folder.mkdir()
    for third in thirds:
        for index in range(len(frames))[third]:
            whole = folder.parent / f"whole{suffix}"
            if suffix == ".npy":
                np.save(whole, frames[index])
            else:
                tifffile.imwrite(whole, frames[index], photometric="minisblack")
            content = whole.read_bytes()
            with open(folder / f"frame_{index:05d}{suffix}", "wb") as file:
                file.write(content[: len(content) // 2])
                file.flush()
                file.write(content[len(content) // 2 :])
    (folder / "closed.json").write_text("{}")


def swmr(folder: Path, frames: Array, thirds: Thirds) -> None:
    """One HDF5 file that lets others read along."""
    folder.mkdir()
    with h5py.File(folder / "series.h5", "w", libver="latest") as file:
        data = file.create_dataset(
            "entry/data/data",
            (0, 60, 50),
            "u2",
            maxshape=(None, 60, 50),
            chunks=(1, 60, 50),
            compression="gzip",
        )
        file.swmr_mode = True
        for third in thirds:
            for index in range(len(frames))[third]:
                data.resize(index + 1, axis=0)
                data.flush()
                data[index] = frames[index]
            data.flush()


def reopened(folder: Path, frames: Array, thirds: Thirds) -> None:
    """One HDF5 file that is opened for each frame and closed again; its entry says when it has ended."""
    folder.mkdir()
    path = folder / "series.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("entry/data/data", (0, 60, 50), "u2", maxshape=(None, 60, 50), chunks=(1, 60, 50))
        file.create_dataset("entry/end_time", data=np.array(b"", "S32"))
    for third in thirds:
        for index in range(len(frames))[third]:
            with h5py.File(path, "a") as file:
                file["entry/data/data"].resize(index + 1, axis=0)
                file["entry/data/data"][index] = frames[index]
    with h5py.File(path, "a") as file:
        file["entry/end_time"][()] = b"2026-01-01T00:00:00Z"


def recording(folder: Path, frames: Array, thirds: Thirds) -> None:
    """As two ingesters record that share a stream ``cam``, and one with a stream ``scan``; every fifth event has no ``cam``."""
    folder.mkdir()
    names = RecordingNames(f"{folder}/", RUN)
    events = 5 * len(frames) // 4 + 2
    cells: dict[str, Any] = {stream: [[{"tags": []}]] * events for stream in ("cam", "scan")}
    write_mapping(
        names, TriggerMap.from_json({"parts": {"m": cells}, "sequence": ["m"]}, all_wrap=False).encode()
    )
    writers = [RecordingWriter(names.packets(f"cam-ingester-{number}")) for number in (1, 2)]
    scan = RecordingWriter(names.packets("scan-ingester"))
    begin = json.dumps({"htype": "header", "filename": "", "msg_number": 0}).encode()
    writers[0].write(record(0, "cam", [begin, b'{"count_time": 0.5}']))
    for third in thirds:
        for index in range(len(frames))[third]:
            event = 1 + index + index // 4
            head = {
                "htype": "image",
                "frame": index,
                "shape": [60, 50],
                "type": "uint16",
                "compression": "none",
            }
            writers[index % 2].write(
                record(event, "cam", [json.dumps(head).encode(), frames[index].tobytes()])
            )
            scan.write(record(event, "scan", [b"1"]))
        for writer in (*writers, scan):
            writer.flush()
    writers[1].write(record(events - 1, "cam", [json.dumps({"htype": "series_end"}).encode()]))
    for writer in (*writers, scan):
        writer.close()


def record(event: int, stream: str, parts: list[bytes]) -> Record:
    """A packet of STINS as it is recorded."""
    return Record(event, {stream: Packet("STINS", parts)}, datetime.now(UTC))


WRITERS: dict[str, Callable[[Path, Array, Thirds], None]] = {
    "spool": spool,
    "npy": lambda folder, frames, thirds: files(folder, frames, thirds, ".npy"),
    "tif": lambda folder, frames, thirds: files(folder, frames, thirds, ".tif"),
    "swmr": swmr,
    "reopened": reopened,
    "recording": recording,
}


def told(count: int) -> Thirds:
    """A third for each line."""
    marks = [0, count // 3, 2 * count // 3, count]
    for start, stop in itertools.pairwise(marks):
        sys.stdin.readline()
        yield slice(start, stop)
        sys.stdout.write(f"{stop}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    WRITERS[sys.argv[1]](Path(sys.argv[2]), pixels(int(sys.argv[3])), told(int(sys.argv[3])))

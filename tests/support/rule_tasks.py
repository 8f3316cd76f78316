"""Tasks of rules, which worker processes find by their names."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from beamloom.rules.arrays import Array
from beamloom.rules.tasks.chunk import Chunk, Gathered

ROW = np.dtype([("frame", "i8"), ("sum", "i8")])


def prepare(parameters: Mapping[str, Any]) -> None:
    """Tells its process in the folder ``prepared``."""
    if "prepared" in parameters:
        Path(parameters["prepared"], str(os.getpid())).touch()


def nothing(chunk: Chunk, parameters: Mapping[str, Any]) -> None:
    """Does not even read."""


def sums(chunk: Chunk, parameters: Mapping[str, Any]) -> Array:
    """One row for each frame."""
    frames = chunk.frames[chunk.inside].astype(np.int64)
    table = np.zeros(len(frames), ROW)
    table["frame"] = np.arange(chunk.start, chunk.stop)
    table["sum"] = frames.reshape(len(frames), -1).sum(axis=1)
    return table


def with_neighbours(chunk: Chunk, parameters: Mapping[str, Any]) -> Array:
    """The mean over each frame and the one before and after, as a sum."""
    means = chunk.frames.astype(np.int64).reshape(len(chunk.frames), -1).sum(axis=1)
    table = np.zeros(chunk.stop - chunk.start, ROW)
    for row, frame in enumerate(range(chunk.start, chunk.stop)):
        place = frame - int(chunk.numbers[0])
        table[row] = frame, means[max(0, place - 1) : place + 2].sum()
    return table


def write_table(gathered: Gathered, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The rows of all chunks as an ``.npy`` file."""
    table = gathered.table()
    found = np.zeros(0, ROW) if table is None else table
    with open(gathered.desk.write("results"), "wb") as file:
        np.save(file, found)
    return {"rows": len(found), "missing": gathered.failed}


def write_broken(gathered: Gathered, parameters: Mapping[str, Any]) -> None:
    """Fails while the file ``parameters['marker']`` is there."""
    if Path(parameters["marker"]).exists():
        raise RuntimeError("cannot be put together")
    write_table(gathered, parameters)


def fails_where_told(chunk: Chunk, parameters: Mapping[str, Any]) -> Array:
    """Raises for chunks with one of the frames ``parameters['bad']``, while the file ``marker`` is there."""
    if Path(parameters["marker"]).exists():
        for frame in parameters["bad"]:
            if chunk.start <= frame < chunk.stop:
                raise ValueError(f"frame {frame % 2} is bad")
    return sums(chunk, parameters)


def dies(chunk: Chunk, parameters: Mapping[str, Any]) -> Array:
    """Ends its worker at the frames ``bad``, as often as there are files in the folder ``lives``."""
    for frame in parameters["bad"]:
        if chunk.start <= frame < chunk.stop:
            for life in Path(parameters["lives"]).iterdir():
                life.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
    return sums(chunk, parameters)


def holds(chunk: Chunk, parameters: Mapping[str, Any]) -> Array:
    """Waits while the file ``parameters['marker']`` is there; tells its process in the folder ``here``."""
    if "here" in parameters:
        (Path(parameters["here"]) / f"{os.getpid()}-{chunk.start}").touch()
    while Path(parameters["marker"]).exists():
        time.sleep(0.005)
    return sums(chunk, parameters)


def rests(chunk: Chunk, parameters: Mapping[str, Any]) -> Array:
    """Takes a while, as an analysis does."""
    time.sleep(parameters["seconds"])
    return sums(chunk, parameters)


def prints(chunk: Chunk, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Says something, and asks something."""
    print("frames", chunk.start, flush=True)  # noqa: T201 - it is what is tested
    os.write(1, b"raw words\n")
    return {"read": os.read(0, 10).decode(), "start": chunk.start}


def exits(chunk: Chunk, parameters: Mapping[str, Any]) -> None:
    """Calls the end of its process, which is an error of this chunk alone."""
    raise SystemExit(3)


def returns_an_object(chunk: Chunk, parameters: Mapping[str, Any]) -> object:
    """What JSON does not have."""
    return object()


def disk_is_away(chunk: Chunk, parameters: Mapping[str, Any]) -> Array:
    """An error of the operating system, as often as there are files in the folder ``lives``."""
    for life in Path(parameters["lives"]).iterdir():
        life.unlink()
        raise OSError("the file server is away")
    return sums(chunk, parameters)


def tells_where(chunk: Chunk, parameters: Mapping[str, Any]) -> dict[str, float]:
    """The process that started its own, and when it began; waits while the file ``marker`` is there."""
    begun = time.time()
    while "marker" in parameters and Path(parameters["marker"]).exists():
        time.sleep(0.005)
    return {"parent": os.getppid(), "begun": begun}


def forks(chunk: Chunk, parameters: Mapping[str, Any]) -> None:
    """Leaves another process, as ``multiprocessing`` does, and never returns; tells that one's number in ``here``."""
    left = os.fork()
    if left:
        Path(parameters["here"], str(left)).touch()
    while True:
        time.sleep(60)


def fails_in_latin(chunk: Chunk, parameters: Mapping[str, Any]) -> None:
    """Tells of a file whose name is no Unicode."""
    raise ValueError("cannot read " + os.fsdecode(b"/data/\xfcber"))


def writes_in_latin(chunk: Chunk, parameters: Mapping[str, Any]) -> None:
    """Writes a file whose name is no Unicode."""
    chunk.desk.write("results", os.fsdecode(b"/data/\xfcber")).touch()

"""A run that follows files which another process still writes gets every frame exactly once, and ends; what breaks off is named."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from beamloom.devices import hdf5
from beamloom.devices.file_reading.background import BackgroundSource
from beamloom.devices.file_reading.locks import is_locked
from beamloom.devices.hdf5 import Hdf5End, Hdf5Frame, Hdf5Settings
from beamloom.events import Event, Packet
from beamloom.triggermap import uniform
from devices import hdf5_writer
from devices.hdf5_reading import (
    Item,
    expect_stack,
    frames_by_number,
    packets_of,
    problems_of,
    read_file,
    read_series,
)
from devices.hdf5_writer import image
from devices.one_run import run_through
from support.patience import PATIENCE

FRAMES = 60
STACK = np.stack([image(frame) for frame in range(FRAMES)])
Write = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Starts a writer."""
    writers: list[subprocess.Popen[str]] = []

    def start(how: str, frames: int = FRAMES, at_a_time: int = 0) -> subprocess.Popen[str]:
        command = [sys.executable, hdf5_writer.__file__, how, str(tmp_path), str(frames), str(at_a_time)]
        writers.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        )
        return writers[-1]

    yield start
    for writer in writers:
        writer.kill()
        writer.communicate()


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Callable[..., BackgroundSource]]:
    sources: list[BackgroundSource] = []

    def start(name: str, packets: int | None = None, idle_seconds: float = 20.0) -> BackgroundSource:
        settings = Hdf5Settings(
            url=str(tmp_path / name), follow=True, poll_seconds=0.005, idle_seconds=idle_seconds
        )
        sources.append(hdf5.source(settings))
        sources[-1].expect(packets)
        sources[-1].open()
        return sources[-1]

    yield start
    for source in sources:
        source.close()


def reason_of(items: list[Item]) -> str:
    assert isinstance(items[-1], Packet)
    end = items[-1].parse()
    assert isinstance(end, Hdf5End)
    return end.reason


ENDED = "the file says when it ended"
HAS_ALL = "the run has all its frames"
WAYS = [
    pytest.param("swmr", "run.h5", None, ENDED, id="SWMR"),
    pytest.param("swmr_bslz4", "run.h5", None, ENDED, id="SWMR, bitshuffle and LZ4"),
    pytest.param("swmr_gzip", "run.h5", None, ENDED, id="SWMR, chunks of four frames under gzip"),
    pytest.param("flushed", "run.h5", FRAMES + 2, HAS_ALL, id="flushed now and then"),
    pytest.param("contiguous", "run.h5", FRAMES + 2, HAS_ALL, id="contiguous"),
    pytest.param("segments", "run_data_*.h5", FRAMES + 2, HAS_ALL, id="closed segments by a pattern"),
    pytest.param("master_grows", "run_master.h5", None, ENDED, id="a master that gets its links"),
    pytest.param("master_first", "run_master.h5", None, ENDED, id="a master before its parts"),
    pytest.param(
        "virtual_first", "run_master.h5", FRAMES + 2, HAS_ALL, id="a virtual dataset before its parts"
    ),
]


@pytest.mark.parametrize(("how", "name", "packets", "reason"), WAYS)
def test_every_frame_of_a_writer_at_full_speed_comes_exactly_once(
    write: Write,
    follow: Callable[..., BackgroundSource],
    how: str,
    name: str,
    packets: int | None,
    reason: str,
) -> None:
    source = follow(name, packets)
    writer = write(how)
    items = read_series(source)
    expect_stack(items, STACK)
    assert reason_of(items) == reason
    assert writer.wait(PATIENCE) == 0


@pytest.mark.parametrize(("how", "name", "packets", "reason"), WAYS)
def test_every_frame_of_a_writer_that_waits_for_its_reader_comes_exactly_once(
    write: Write,
    follow: Callable[..., BackgroundSource],
    how: str,
    name: str,
    packets: int | None,
    reason: str,
) -> None:
    writer = write(how, at_a_time=4)
    assert writer.stdin is not None
    assert writer.stdout is not None
    answer, ask = writer.stdout, writer.stdin
    assert answer.readline() == "4\n"
    source = follow(name, packets)
    items: list[Item] = []
    for written in range(8, FRAMES + 8, 4):
        # Some reading between any two steps of the writer, wherever it stands.
        items += source.read(3)
        ask.write("\n")
        if written <= FRAMES:
            assert answer.readline() == f"{written}\n"
    items += read_series(source)
    expect_stack(items, STACK)
    assert reason_of(items) == reason


@pytest.mark.parametrize("how", ["swmr_bslz4", "segments"])
def test_a_live_run_that_follows_a_writer_reduces_every_frame(tmp_path: Path, write: Write, how: str) -> None:
    name = "run.h5" if how == "swmr_bslz4" else "run_data_*.h5"
    settings = Hdf5Settings(url=str(tmp_path / name), follow=True, poll_seconds=0.005)

    def look(event: Event) -> int | None:
        parsed = event.streams["camera"].parse()
        return int(parsed.array.sum()) if isinstance(parsed, Hdf5Frame) else None

    outcome = run_through(
        {"camera": lambda: hdf5.DEVICE.source(settings)},
        uniform(["camera"], FRAMES),
        look,
        while_it_runs=lambda: write(how),
    )
    assert outcome.counts == (FRAMES + 2, 0, 0)
    assert [outcome.results[event] for event in range(1, FRAMES + 1)] == [int(frame.sum()) for frame in STACK]


def test_a_file_is_seen_to_be_locked_by_its_writer(tmp_path: Path, write: Write) -> None:
    writer = write("flushed", at_a_time=2)
    assert writer.stdout is not None
    writer.stdout.readline()
    assert is_locked(tmp_path / "run.h5")
    writer.communicate("\n" * FRAMES)
    assert not is_locked(tmp_path / "run.h5")


# ---- what breaks off ----------------------------------------------------------------------------------------------------------


def test_of_a_writer_that_is_killed_what_it_had_flushed_is_read_and_the_series_ends(
    write: Write, follow: Callable[..., BackgroundSource]
) -> None:
    writer = write("swmr_bslz4", at_a_time=10)
    assert writer.stdout is not None
    writer.stdout.readline()
    source = follow("run.h5", idle_seconds=0.5)
    writer.kill()
    items = read_series(source)
    expect_stack(items, STACK[:10])
    assert reason_of(items) == "nothing was written for 0.5 s"


def test_a_segment_whose_writer_was_killed_is_named_and_those_before_it_are_read(
    write: Write, follow: Callable[..., BackgroundSource], tmp_path: Path
) -> None:
    # Ten frames: a whole file of seven, and three in a file that has nothing of them yet on disk.
    writer = write("segments", at_a_time=10)
    assert writer.stdout is not None
    writer.stdout.readline()
    source = follow("run_data_*.h5", packets=FRAMES + 2, idle_seconds=0.5)
    writer.kill()
    writer.wait()
    items = read_series(source)
    assert list(frames_by_number(items)) == list(range(1, 8))
    (problem,) = problems_of(items)
    assert "run_data_000002.h5 cannot be read" in problem


def in_parts(folder: Path, parts: int = 4) -> None:
    for part in range(parts):
        with h5py.File(folder / f"run_{part}.h5", "w") as file:
            file.create_dataset("data", data=STACK[5 * part : 5 * part + 5], chunks=(1, 32, 40))


def test_a_part_that_stays_corrupt_is_named_and_those_behind_it_are_read(
    tmp_path: Path, follow: Callable[..., BackgroundSource]
) -> None:
    in_parts(tmp_path)
    (tmp_path / "run_2.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(1000))
    items = read_series(follow("run_*.h5", packets=22, idle_seconds=0.3))
    assert sorted(frames_by_number(items)) == [*range(1, 11), *range(16, 21)]
    (problem,) = problems_of(items)
    assert "run_2.h5 cannot be read" in problem


def test_a_file_that_vanishes_while_it_is_followed_is_named(
    tmp_path: Path, write: Write, follow: Callable[..., BackgroundSource]
) -> None:
    writer = write("swmr", at_a_time=10)
    assert writer.stdout is not None
    writer.stdout.readline()
    source = follow("run.h5", packets=FRAMES + 2, idle_seconds=0.3)
    items: list[Item] = []
    while len(items) < 11:
        items += source.read(11 - len(items))
    (tmp_path / "run.h5").unlink()
    items += read_series(source)
    assert list(frames_by_number(items)) == list(range(1, 11))
    (problem,) = problems_of(items)
    assert "run.h5 cannot be read any more: there is no such file" in problem


def test_frames_behind_the_end_of_a_file_that_was_cut_off_are_lost_by_name_and_the_run_ends(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", (20, 32, 40), "u2", chunks=(1, 32, 40))
        data[:] = STACK[:20]
        places = [data.id.get_chunk_info(index).byte_offset for index in range(20)]
    # The last five chunks go; what says where all of them are goes to the end of what is left, as where a copy broke off.
    last = sorted(places)[14] + STACK[0].nbytes

    def cut() -> None:
        os.truncate(path, last)

    def look(event: Event) -> int | None:
        parsed = event.streams["camera"].parse()
        return int(parsed.array.sum()) if isinstance(parsed, Hdf5Frame) else None

    small = Hdf5Settings(url=str(path), queue_bytes=1, readers=1)
    outcome = run_through(
        {"camera": lambda: hdf5.source(small)}, uniform(["camera"], 20), look, while_it_runs=cut
    )
    reduced, failed, lost = outcome.counts
    assert (reduced + lost, failed) == (22, 0)
    assert lost >= 5
    causes = " ".join(loss.cause for loss in outcome.active.run.ledger.losses)
    # Whoever opens the file comes before the cut or behind it.
    assert "is cut off" in causes or "truncated file" in causes


def test_a_whole_file_that_is_cut_off_is_said_before_the_run(tmp_path: Path) -> None:
    in_parts(tmp_path, 1)
    octets = (tmp_path / "run_0.h5").read_bytes()
    (tmp_path / "run_0.h5").write_bytes(octets[:-100])
    source = hdf5.source(Hdf5Settings(url=str(tmp_path / "run_0.h5"), poll_seconds=0.001))
    source.open()
    try:
        while "looked for" in (source.connection_problem() or ""):
            pass
        assert "run_0.h5: " in (source.connection_problem() or "")
    finally:
        source.close()


def test_many_closed_files_are_read_side_by_side_in_their_order(tmp_path: Path) -> None:
    in_parts(tmp_path, 12)
    items = read_file(tmp_path / "run_*.h5", readers=8, queue_bytes=10000)
    expect_stack(items, STACK)
    assert packets_of(items)[-1].number == FRAMES + 1

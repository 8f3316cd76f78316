"""Files of hits: what CrystFEL and others read in them, while they grow, after a kill, and after the disk was full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from silx.io.nxdata.parse import get_default
from silx.io.utils import open as silx_open

from apps.crystallography.cxi import as_crystfel_reads, hits_in
from apps.crystallography.series import SIMULATION, analysed, packets, parameter_set, plain
from beamloom import Event, Packet, PacketKind, Result
from beamloom.apps.crystallography import Reducer, Worker
from beamloom.apps.crystallography.analysis.chunks import packed
from beamloom.apps.crystallography.analysis.files.hit_files import HitFiles
from beamloom.apps.crystallography.analysis.hit_frames import HitFrame
from beamloom.apps.crystallography.peaks import Peaks
from beamloom.apps.crystallography.streaming import FrameInfo
from beamloom.devices import stins

FRAMES = 40
HITS = [index + 1 for index in range(FRAMES) if SIMULATION.truth(index).hit]
"""Their events."""
SHAPE = (24, 32)


@pytest.fixture(scope="module")
def series() -> list[Any]:
    return packets(FRAMES)


def given(folder: Path, **more: Any) -> Any:
    return parameter_set(processed_directory=str(folder), write_hits=True, **more)


def hit(event: int, *, peaks: int = 3, event_id: str = "", shape: tuple[int, int] = SHAPE) -> HitFrame:
    """A hit that is known by its event."""
    frame = np.full(shape, event, np.uint16)
    numbers = np.arange(1.0, peaks + 1)
    found = Peaks(numbers, numbers, event + numbers, numbers.astype(np.int64), numbers, numbers)
    info = FrameInfo(
        event_id=event_id or f"camera // {event}", timestamp=float(event), beam_energy=9000.0, detector_distance=80.0
    )  # fmt: skip
    return HitFrame(event, packed(frame), found, info, ("<u2", *shape))


def written(folder: Path, events: Any, run: str = "run-1", **more: Any) -> HitFiles:
    files = HitFiles(folder, "processed", run)
    for event in events:
        files.keep([hit(event)])
        files.write(parameter_set(**more))
    return files


def master(folder: Path, number: str = "") -> Path:
    return folder / f"processed-hits-master{number}.cxi"


def test_the_files_have_every_hit_once_as_crystfel_reads_it(series: list[Any], tmp_path: Path) -> None:
    tree = plain(analysed(series, given(tmp_path, hits_per_file=5)).publish)
    assert (tree["files"]["hits_written"], tree["files"]["hits_given_up"]) == (len(HITS), 0)
    files = [tmp_path / f"processed-hits-{number:04}.cxi" for number in range(-(-len(HITS) // 5))]
    assert sorted(tmp_path.glob("*-hits-*.cxi")) == [*files, master(tmp_path)]
    lines = (tmp_path / "peaks.txt").read_text().splitlines()[1:]
    read = [as_crystfel_reads(master(tmp_path), row) for row in range(len(HITS))]
    assert read == [as_crystfel_reads(files[row // 5], row % 5) for row in range(len(HITS))]
    for event, image in zip(HITS, read, strict=True):
        np.testing.assert_array_equal(image.pixels, SIMULATION.frame(event - 1))
        assert [image.photon_energy, image.camera_length] == pytest.approx([9500, 0.1])
        listed = [line.split(", ") for line in lines if line.startswith(f"camera // {event - 1}, ")]
        found = [tuple(float(value) for value in line[2:5]) for line in listed]
        np.testing.assert_allclose(np.column_stack([image.fs, image.ss, image.intensity]), found, rtol=1e-6)


def test_others_read_the_files_without_beamloom(series: list[Any], tmp_path: Path) -> None:
    analysed(series, given(tmp_path, hits_per_file=5))
    with h5py.File(master(tmp_path)) as file:
        assert [name.decode() for name in file["entry_1/event_id"]] == [f"camera // {n - 1}" for n in HITS]
        assert file["entry_1/event"][...].tolist() == HITS
        assert (file["entry_1/optical_laser_active"][...] == -1).all()
        energy = file["entry_1/instrument_1/source_1/energy"]
        np.testing.assert_allclose(energy, 9500 * 1.602176634e-19)
        assert file["LCLS/detector_1/EncoderValue"][0] == pytest.approx(100)
        assert file["entry_1/instrument_1/detector_1/distance"].attrs["units"] == "m"
        assert file["entry_1/entry_identifier"].asstr()[()] == "run-1"
        assert file["cxi_version"][()] == 160
    with silx_open(str(tmp_path / "processed-hits-0000.cxi")) as file:  # type: ignore[no-untyped-call]
        plot = get_default(file)
        assert plot is not None
        np.testing.assert_array_equal(np.asarray(plot.signal)[0], SIMULATION.frame(HITS[0] - 1))


def test_pixels_that_the_detector_packed_are_stored_as_they_came(tmp_path: Path) -> None:
    frames = [SIMULATION.frame(event - 1) for event in HITS[:3]]
    sent = list(stins.generate(images=iter(frames), compression="bslz4"))
    parameters = given(tmp_path)
    worker, reducer = Worker(), Reducer(parameters)
    for number, message in enumerate(sent[1:-1], 1):
        packet = Packet("STINS", message, number, PacketKind.DATA)
        payload = worker.process_event(Event(number, {"camera": packet}), parameters)
        reducer.process_result(Result(number, "w", parameters.hash, payload, 0), parameters)
    reducer.finish(parameters)
    with h5py.File(tmp_path / "processed-hits-0000.cxi") as file:
        dataset = file["entry_1/data_1/data"]
        for row, message in enumerate(sent[1:-1]):
            assert dataset.id.read_direct_chunk((row, 0, 0))[1] == bytes(message[1])
            np.testing.assert_array_equal(dataset[row], frames[row])


def test_frames_that_were_calibrated_or_binned_are_stored_so(series: list[Any], tmp_path: Path) -> None:
    analysed(series, given(tmp_path / "binned", bin_size=2), run="binned")
    analysed(series, given(tmp_path / "less", common_mode="panel"), run="less")
    with h5py.File(master(tmp_path / "binned")) as file:
        frame, frames = SIMULATION.frame(HITS[0] - 1).astype(np.float32), file["entry_1/data_1/data"]
        blocks = frame.reshape(frame.shape[0] // 2, 2, frame.shape[1] // 2, 2).sum((1, 3))
        assert frames.dtype == np.float32
        np.testing.assert_array_equal(frames[0], blocks)
        row = int(file["entry_1/result_1/nPeaks"][0])
        assert file["entry_1/result_1/peakXPosRaw"][0, :row].max() < frame.shape[1] / 2
    with h5py.File(master(tmp_path / "less")) as file:
        assert file["entry_1/data_1/data"].dtype == np.float32
        assert np.median(file["entry_1/data_1/data"][0][:128, :160]) == 0


FOLLOWER = """
import sys
import h5py, hdf5plugin
with h5py.File(sys.argv[1], "r", swmr=True) as file:
    for line in sys.stdin:
        for name in ("entry_1/event", "entry_1/data_1/data"):
            file[name].refresh()
        events = file["entry_1/event"][...].tolist()
        frames = file["entry_1/data_1/data"][: len(events), 0, 0].tolist()
        print(events == frames, *events, flush=True)
"""


def test_a_viewer_follows_the_master_while_it_grows(tmp_path: Path) -> None:
    files = written(tmp_path, range(1, 6))
    with subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, str(master(tmp_path))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as viewer:
        assert viewer.stdin is not None
        assert viewer.stdout is not None
        for event in (6, 9, 14):
            files.keep([hit(event)])
            files.write(parameter_set(), commit=True)
            viewer.stdin.write("\n")
            viewer.stdin.flush()
            seen = viewer.stdout.readline().split()
            assert seen[0] == "True"
            assert seen[-1] == str(event)
        viewer.stdin.close()
        assert viewer.wait(60) == 0
    files.finish(parameter_set())


KILLED = """
import os, signal, sys
from pathlib import Path
from apps.crystallography.test_hit_files import hit, written
from apps.crystallography.series import parameter_set
files = written(Path(sys.argv[1]), range(1, 10), hits_per_file=4)
files.write(parameter_set(hits_per_file=4), commit=True)
files.keep([hit(event) for event in (10, 11)])
files.write(parameter_set(hits_per_file=4))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_after_a_kill_every_hit_is_in_the_files_once(tmp_path: Path, repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=repository / "tests", check=False
    )
    assert done.returncode == -9
    # The results of the whole run are given to the next process, in whatever order.
    files = written(tmp_path, [12, 3, 2, 1, 11, 10, 9, 8, 7, 6, 5, 4, 13], hits_per_file=4)
    files.finish(parameter_set())
    assert hits_in(master(tmp_path)) == {event: event for event in range(1, 14)}
    assert not list(tmp_path.glob(".*"))


FULL = """
import resource, sys
from pathlib import Path
from apps.crystallography.test_hit_files import hit
from apps.crystallography.series import parameter_set
from beamloom.apps.crystallography.analysis.files.hit_files import HitFiles
folder, given = Path(sys.argv[1]), parameter_set()
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
files = HitFiles(folder, "processed", "run-1")
files.keep([hit(1), hit(2)])
files.write(given, commit=True)
resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / "processed-hits-0000.cxi").stat().st_size, hard))
refused = 0
for event in range(3, 12):
    files.keep([hit(event)])
    try:
        files.write(given, commit=True)
    except OSError:
        refused += 1
assert refused, "the disk was never full"
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
files.finish(given)
assert (files.hits, files.given_up) == (11, 0), (files.hits, files.given_up)
"""


def test_hits_that_a_full_disk_refused_are_written_when_there_is_room(
    tmp_path: Path, repository: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=repository / "tests", check=False, capture_output=True
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert hits_in(master(tmp_path)) == {event: event for event in range(1, 12)}


def test_frames_of_another_shape_go_to_other_files_with_a_master_of_their_own(tmp_path: Path) -> None:
    files = written(tmp_path, [1, 2])
    files.keep([hit(3, shape=(8, 16)), hit(4, shape=(8, 16)), hit(5)])
    files.finish(parameter_set())
    assert hits_in(master(tmp_path)) == {1: 1, 2: 2, 5: 5}
    assert hits_in(master(tmp_path, "-1")) == {3: 3, 4: 4}


def test_of_more_peaks_than_there_is_room_for_the_strongest_are_stored(tmp_path: Path) -> None:
    files = HitFiles(tmp_path, "processed", "run-1")
    files.keep([hit(1, peaks=9)])
    files.finish(parameter_set(hdf5_file_max_num_peaks=4))
    image = as_crystfel_reads(master(tmp_path), 0)
    assert image.fs.tolist() == [6, 7, 8, 9]


def test_the_files_of_another_run_are_left_alone(tmp_path: Path) -> None:
    written(tmp_path, [1, 2], run="first").finish(parameter_set())
    second = written(tmp_path, [2, 3], run="second")
    second.finish(parameter_set())
    assert second.hits == 2
    assert hits_in(tmp_path / "processed-hits-0000.cxi") == {1: 1, 2: 2}
    assert hits_in(master(tmp_path)) == {2: 2, 3: 3}


def test_an_id_that_is_longer_than_those_before_is_stored_whole(tmp_path: Path) -> None:
    files = written(tmp_path, [1])
    long = "/data/" + 20 * "very-long/" + "x.cbf"
    files.keep([hit(2, event_id=long)])
    files.finish(parameter_set())
    with h5py.File(master(tmp_path, "-1")) as file:
        assert file["entry_1/event_id"][0].decode() == long

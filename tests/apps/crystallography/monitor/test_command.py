"""``beamloom crystallography``: one command from a monitor.yaml and frames to what OM writes, over real processes."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import h5py
import numpy as np
import pytest
import requests
import yaml

from apps.crystallography.monitor.monitors import groups, prepared, text_of
from apps.crystallography.series import SIMULATION, analysed, packets, parameter_set
from apps.runs import as_packets, events_of, recorded
from beamloom.apps.crystallography import Simulation
from beamloom.cli import main
from beamloom.cli._frame_source import frame_source
from beamloom.devices import stins
from live.pipelines import Bench, wait_until
from support.patience import PATIENCE
from support.ports import quiet_address

FRAMES = 60
ATTACHED = (
    "import os, sys; from beamloom.lifeline import die_with; die_with(int(sys.argv[1]));"
    "from beamloom.cli import main; sys.exit(main(sys.argv[2:]))"
)
"""The command line, which ends with whoever started it."""
OM_CLASSES = Path(__file__).parents[2] / "om" / "analysis"


def monitor_in(folder: Path, **changes: dict[str, Any] | None) -> Path:
    """A monitor.yaml with its geometry."""
    file = prepared(folder) / "monitor.yaml"
    file.write_text(text_of(**changes))
    return file


def frames_in(folder: Path) -> Path:
    """A file of simulated frames, as an Eiger's."""
    file = folder / "run_1_master.h5"
    with h5py.File(file, "w") as target:
        stack = np.stack([SIMULATION.frame(index) for index in range(FRAMES)])
        target.create_dataset("entry/data/data", data=stack, chunks=(1, *SIMULATION.shape), compression=4)
    return file


def command(*words: str) -> list[str]:
    """What starts it."""
    return [sys.executable, "-c", ATTACHED, str(os.getpid()), "crystallography", *words]


def ended(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, in ``folder``, when it has come to its end."""
    return subprocess.run(
        command(*words, "--plain", "--http", "127.0.0.1:0"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def started(folder: Path, output: TextIO, *words: str) -> subprocess.Popen[bytes]:
    """The command, in ``folder``."""
    return subprocess.Popen(command(*words), stdout=output, stderr=subprocess.STDOUT, cwd=folder)


def columns(file: Path) -> list[list[str]]:
    """Of frames.txt: hit, number of peaks, mean intensity."""
    rows = [line.split(", ") for line in file.read_text().splitlines()[1:]]
    return [[row[2], *row[5:]] for row in rows]


@pytest.mark.processes
@pytest.mark.long
def test_files_are_analysed_to_their_end_and_replayed_as_in_one_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    oracle = parameter_set(processed_directory=str(tmp_path / "oracle"))
    analysed(packets(FRAMES), oracle)
    monitor = monitor_in(tmp_path, crystallography={"responding_url": "tcp://127.0.0.1:0"})
    words = (str(frames_in(tmp_path)), "-n", "2", "--record", "recorded")
    done = ended(tmp_path, "-c", str(monitor), *words)
    assert done.returncode == 0, done.stdout + done.stderr
    hits = sum(SIMULATION.truth(index).hit for index in range(FRAMES))
    told = rf"run \w{{8}}: {FRAMES} frames, {hits} hits, hit rate {100 * hits / FRAMES:.1f} %"
    assert re.search(told, done.stdout.splitlines()[-2]), done.stdout
    assert done.stdout.splitlines()[-1] == f"  files are in {tmp_path / 'processed'}"
    assert re.search(r"controller and dashboard +http://127\.0\.0\.1:\d+", done.stdout)
    assert re.search(r"monitor.yaml, line \d+: data_retrieval_layer has no effect: SOURCE says", done.stderr)
    written, wanted = tmp_path / "processed", tmp_path / "oracle"
    assert columns(written / "frames.txt") == columns(wanted / "frames.txt")
    assert "Status: Finished" in (written / "status.txt").read_text()
    for kind in ("class0", "class1"):
        name = f"processed-detector0-{kind}-sum.h5"
        with h5py.File(written / name) as one, h5py.File(wanted / name) as other:
            for dataset in ("nframes", "data", "peakpowder"):
                assert np.array_equal(one["data"][dataset], other["data"][dataset]), (kind, dataset)
    replayed = tmp_path / "replayed"
    recording = list(map(str, (tmp_path / "recorded").glob("*.cbors")))
    more = ("-p", f"processed_directory={replayed}", "-p", "responding_url=", "-n", "1")
    assert main(["crystallography", "-c", str(monitor), *recording, *more]) == 0
    assert f"replayed: {FRAMES} frames, {hits} hits" in capsys.readouterr().out
    for name in ("frames.txt", "peaks.txt", "hits.lst"):
        assert (replayed / name).read_text() == (written / name).read_text(), name
    check_class_for_om(tmp_path, recording)


@pytest.mark.parametrize("compression", ["bslz4", "none"])
def test_what_the_veto_of_the_monitor_yaml_has_done_is_told_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], compression: str
) -> None:
    messages = stins.generate(images=map(SIMULATION.frame, range(200)), compression=compression)
    recording = recorded(tmp_path / "run.cbors", events_of({"camera": as_packets("STINS", list(messages))}))
    veto = {"veto": True, "veto_wanted_recall": 0.5, "veto_audited_share": 0.2}
    monitor = monitor_in(tmp_path, beamloom=veto, cheetah={"processed_directory": str(tmp_path / "files")})
    assert main(["crystallography", "-c", str(monitor), str(recording)]) == 0
    said = capsys.readouterr().out.splitlines()[-2]
    rows = columns(tmp_path / "files" / "frames.txt")
    if compression == "none":
        assert said.startswith("  veto: frames are not compressed with bitshuffle and LZ4")
        assert sum(row[0] == "True" for row in rows) == sum(
            SIMULATION.truth(index).hit for index in range(200)
        )
    else:
        told = r"  veto: (\d+) frames were put aside unread; by \d+ audits \d+\.\d % of the hits are found all the same \("
        found = re.match(told, said)
        assert found is not None, said
        assert 20 < int(found[1]) <= sum(row[1:] == ["0", "nan"] for row in rows)


def check_class_for_om(folder: Path, recording: list[str]) -> None:
    """One of the user's own, named in the monitor.yaml, gets each frame of the recording."""
    content = {
        "om": {**groups()["om"], "processing_layer": "brightness:BrightnessProcessing"},
        "brightness": {"threshold": 110_000, "file": str(folder / "ids.lst")},
    }
    monitor = folder / "own.yaml"
    monitor.write_text(yaml.safe_dump(content))
    (folder / "brightness.py").write_text((OM_CLASSES / "brightness.py").read_text())
    try:
        assert main(["crystallography", "-c", str(monitor), *recording, "-n", "2"]) == 0
    finally:
        sys.modules.pop("brightness", None)
    ids = (folder / "ids.lst").read_text().split("\n")
    assert ids == sorted(f"detector // {index}" for index in range(FRAMES))


@pytest.mark.processes
@pytest.mark.long
def test_a_simulation_that_is_interrupted_writes_everything(tmp_path: Path) -> None:
    words = ("simulation", "--frames", "5000", "-p", f"processed_directory={tmp_path / 'files'}")
    more = ("-p", "status_file_update_interval=1", "--plain", "--http", "127.0.0.1:0", "-n", "1")
    output = tmp_path / "output.txt"
    with output.open("w") as sink:
        running = started(tmp_path, sink, *words, *more)
    try:
        status = tmp_path / "files" / "status.txt"
        wait_until(lambda: running.poll() is not None or _processed(status) > 10, "frames", output.read_text)
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE) == 130, output.read_text()
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()
    assert "Status: Finished" in status.read_text()
    listed = (tmp_path / "files" / "frames.txt").read_text().splitlines()[1:]
    assert len(listed) == _processed(status) > 10
    said = output.read_text()
    assert f": {len(listed)} frames, " in said, said
    truth = [str(Simulation().truth(index).hit) for index in range(len(listed))]
    assert [line.split(", ")[2] for line in listed] == truth


def _processed(status: Path) -> int:
    found = status.exists() and re.search(r"Frames processed: (\d+)", status.read_text())
    return int(found[1]) if found else 0


@pytest.mark.processes
@pytest.mark.long
def test_what_is_kept_until_ctrl_c_is_healthy_meanwhile(tmp_path: Path) -> None:
    http, output = quiet_address(), tmp_path / "output.txt"
    with output.open("w") as sink:
        running = started(
            tmp_path, sink, "simulation", "--frames", "20", "--plain", "--keep", "--http", http, "-n", "1"
        )
    try:
        wait_until(lambda: "the results stay until Ctrl-C" in output.read_text(), "the end", output.read_text)
        answer = requests.get(f"http://{http}/api/v1/doctor", timeout=PATIENCE).json()
        assert answer["findings"] == []
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE) == 0, output.read_text()
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()


@pytest.mark.processes
def test_each_series_of_a_device_is_a_run_until_somebody_ends_it(tmp_path: Path) -> None:
    monitor = monitor_in(tmp_path, crystallography={"responding_url": "tcp://127.0.0.1:0"})
    monitor.write_text(monitor.read_text().replace("directory: processed", "directory: processed/{run}"))
    output = tmp_path / "output.txt"
    with Bench({"detector": ("stins", "tcp://127.0.0.1:*")}) as camera, output.open("w") as sink:
        words = ("-c", str(monitor), f"stins:{camera.url('detector')}", "-n", "1")
        more = ("--plain", "--http", "127.0.0.1:0")
        running = started(tmp_path, sink, *words, *more)
        try:
            camera.play("detector", itertools.chain(series(20), series(5000)), rate=50)
            files = tmp_path / "processed"
            wait_until(lambda: len(_folders(files)) == 2, "the second run", output.read_text)
            second = next(one for one in _folders(files) if not _is_finished(one))
            wait_until(lambda: _processed(second / "status.txt") > 10, "frames of it", output.read_text)
            running.send_signal(signal.SIGINT)
            assert running.wait(PATIENCE) == 0, output.read_text()
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
    said = output.read_text().splitlines()[-4:]
    hits = sum(SIMULATION.truth(index).hit for index in range(20))
    assert f": 20 frames, {hits} hits," in said[0]
    assert said[3] == f"  files are in {second}"
    frames = len((second / "frames.txt").read_text().splitlines()) - 1
    assert f": {frames} frames, " in said[2]
    assert all(map(_is_finished, _folders(files)))


def series(frames: int) -> Iterator[list[bytes]]:
    """What a camera sends, made as it is sent."""
    return stins.generate(images=map(SIMULATION.frame, range(frames)))


def _is_finished(folder: Path) -> bool:
    return "Status: Finished" in (folder / "status.txt").read_text()


def _folders(files: Path) -> list[Path]:
    """Of runs that have begun to write."""
    return [one for one in files.glob("*") if (one / "status.txt").exists()]


def test_what_is_wrong_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monitor = str(monitor_in(tmp_path))
    (tmp_path / "frames.dat").write_bytes(b"")
    (tmp_path / "files.lst").write_text("frames.dat\n")
    for words, said in {
        ("simulation", "-n", "0"): "there has to be one worker at least",
        ("nothing.h5",): "there is no file nothing.h5",
        ("run_*.cbf",): "no file matches run_*.cbf",
        ("frames.dat",): "has no ending by which it is known",
        ("files.lst",): "lists of files are not read: give their pattern in quotes",
        ("tcp://127.0.0.1:9",): "write its name in front, as dectris_v2:tcp://127.0.0.1:9",
        ("dectris_v3:tcp://127.0.0.1:9",): "did you mean 'dectris_v2'?",
        ("a.cbors",): "there is no recording a.cbors",
        ("a.h5", "b.h5"): "give several files as a pattern in quotes",
        ("simulation", "-p", "adc_treshold=3"): "there is no such parameter (did you mean 'adc_threshold'?)",
        ("simulation", "-p", "peakfinding_mode=slow"): "-p peakfinding_mode: ",
        ("simulation", "-p", "adc_threshold"): "is no NAME=VALUE",
        ("hdf5:./frames.dat", "-o", "folow=true"): "did you mean 'follow'?",
        ("simulation", "--http", "here"): "is no address",
    }.items():  # fmt: skip
        assert main(["crystallography", "-c", monitor, *words]) == 2, words
        assert said in capsys.readouterr().err, words
    assert main(["crystallography", "hdf5:./frames.dat"]) == 2
    assert "there is no geometry; give a monitor.yaml" in capsys.readouterr().err


def test_sources_are_known_by_their_endings(tmp_path: Path) -> None:
    for name in ("run_1.cxi", "run_2.nxs", "image_7.cbf", "images/a_1.tif", "of_beamloom.cbors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = {
        word: frame_source([str(tmp_path / word)], {}, "detector")
        for word in ("run_1.cxi", "run_*.nxs", "image_*.cbf", "images", "of_beamloom.cbors")
    }
    devices = {word: source.stream and source.stream.device for word, source in found.items()}
    assert devices == {
        "run_1.cxi": "hdf5",
        "run_*.nxs": "hdf5",
        "image_*.cbf": "images",
        "images": "images",
        "of_beamloom.cbors": None,
    }
    assert found["of_beamloom.cbors"].files == (tmp_path / "of_beamloom.cbors",)
    to_come = frame_source([f"file://{tmp_path}/later.h5"], {"follow": True}, "detector")
    assert to_come.stream is not None
    assert to_come.stream.options == {"url": str(tmp_path / "later.h5"), "follow": True}


def test_devices_with_series_arm_runs_and_others_go_on_until_told_to_stop() -> None:
    series = frame_source(["dectris_v2:tcp://127.0.0.1:9"], {}, "detector")
    endless = frame_source(["karabo:tcp://127.0.0.1:9"], {"socket": "SUB"}, "detector")
    assert [series.endless, series.stream and series.stream.arms] == [False, True]
    assert [endless.endless, endless.stream and endless.stream.arms] == [True, False]


def test_a_check_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monitor = str(monitor_in(tmp_path))
    source = "dectris_v2:tcp://127.0.0.1:9"
    assert main(["crystallography", "-c", monitor, source, "--check"]) == 0
    told = capsys.readouterr()
    assert told.out == f"all is right: {source}, beamloom.apps.crystallography:Worker\n"
    assert "hits are streamed from tcp://127.0.0.1:12322" in told.err

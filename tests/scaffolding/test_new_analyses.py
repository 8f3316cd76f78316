"""What ``beamloom new`` writes runs, passes its own tests, and is as well formatted as the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from beamloom import Packet, PacketKind
from beamloom.cli import main
from beamloom.devices import stins
from beamloom.errors import UsageError
from beamloom.pipeline_file import read_pipeline
from beamloom.recordings import Record, RecordingReader, RecordingWriter
from beamloom.scaffolding import excerpts, write_analysis
from beamloom.scaffolding.other_files import pipeline_text
from beamloom.scaffolding.seen import Seen

SHAPE = (6, 9)


def check_repository(folder: Path) -> None:
    """Fail unless the tests of an analysis pass, its code is in order, and its pipeline file is one."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--no-cache", "."],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=55,
        )
        assert done.returncode == 0, done.stdout
    pipeline = read_pipeline(folder / "pipeline.yaml")
    assert pipeline.worker_groups[0].worker_class == "worker:Worker"


def record(path: Path, messages: list[list[bytes]], typ: str, stream: str) -> Path:
    """A recording of a series whose first message opens it, and whose last one closes it."""
    with RecordingWriter(path) as writer:
        for number, message in enumerate(messages):
            kind = {0: PacketKind.START, len(messages) - 1: PacketKind.END}.get(number, PacketKind.DATA)
            packet = Packet(typ, [bytes(frame) for frame in message], number, kind)
            writer.write(Record(number, {stream: packet}))
    return path


def camera(path: Path, frames: int = 12, stream: str = "camera", shape: tuple[int, ...] = SHAPE) -> Path:
    images = (np.full(shape, index, np.uint16) for index in range(1, frames + 1))
    return record(path, list(stins.generate(images=images)), "STINS", stream)


def test_an_analysis_of_a_simulation_passes_its_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my-first"]) == 0
    shown = capsys.readouterr().out
    assert "my-first has an analysis of camera" in shown
    assert "cd my-first\n  python -m pytest" in shown
    check_repository(tmp_path / "my-first")
    assert json.loads((tmp_path / "my-first/parameters.json").read_text())["camera_threshold"] > 0


def test_an_analysis_of_captured_streams_passes_its_tests(
    tmp_path: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings = sorted((shared_data / "recordings").glob("*.cbors"))
    assert len(recordings) == 3
    assert main(["new", str(tmp_path / "orca"), "--from", *map(str, recordings)]) == 0
    shown = capsys.readouterr().out
    assert "an analysis of orca, pcap_rot, sardana" in shown
    assert "packets of pcap_rot cannot be read one by one" in shown
    folder = tmp_path / "orca"
    check_repository(folder)
    for path in recordings:
        assert (folder / "recordings" / path.name).read_bytes() == path.read_bytes()
    assert read_pipeline(folder / "pipeline.yaml").streams["orca"].device == "stins"
    assert (
        "`orca`: packets of the type STINS; `array` is uint16, 4 x 128" in (folder / "README.md").read_text()
    )


def test_streams_of_any_name_and_of_changing_shape_are_taken(tmp_path: Path) -> None:
    small, large = tmp_path / "small.cbors", tmp_path / "1-of-2.cbors"
    camera(small, stream="class")
    growing = [np.ones((index, 4), np.uint16) for index in range(1, 13)]
    record(large, list(stins.generate(images=iter(growing))), "STINS", "2nd.camera")
    made = write_analysis(tmp_path / "names", [small, large])
    assert {one.name: (one.variable, one.shape) for one in made.streams} == {
        "2nd.camera": ("stream_2nd_camera", None),
        "class": ("stream_class", SHAPE),
    }
    check_repository(made.folder)


def test_a_recording_of_the_middle_of_a_series_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "middle.cbors"
    frames = list(stins.generate(images=(np.full(SHAPE, index, np.uint16) for index in range(1, 13))))[1:-1]
    with RecordingWriter(path) as writer:
        for number, message in enumerate(frames):
            writer.write(Record(number, {"camera": Packet("STINS", [bytes(frame) for frame in message])}))
    check_repository(write_analysis(tmp_path / "middle", [path]).folder)


def test_of_a_large_recording_the_beginning_comes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excerpts, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(excerpts, "EXCERPT_BYTES", 400)
    path = camera(tmp_path / "scan.cbors", frames=30)
    made = write_analysis(tmp_path / "part", [path])
    (excerpt,) = (made.folder / "recordings").iterdir()
    kept = [one.event_number for one in RecordingReader(excerpt)]
    assert kept == list(range(len(kept)))
    assert 1 < len(kept) < 30
    assert made.brought == f"the recording up to event {kept[-1]}, without its trigger map"


def test_what_cannot_be_made_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    text = tmp_path / "notes.txt"
    text.write_text("no recording")
    one, other = "70b3ce40-6e3e-4931-8dbc-245334e26eae", "70b3ce40-6e3e-4931-8dbc-245334e26eaf"
    two = [camera(tmp_path / f"camera-{run}.cbors") for run in (one, other)]
    before = sorted(tmp_path.iterdir())
    for folder, files, sentence in (
        ("2fast", [], "cannot be the name of an analysis"),
        ("there", [], "is there already"),
        ("new", [tmp_path / "missing.cbors"], "there is no recording"),
        ("new", [text], "notes.txt"),
        ("new", two, "of 2 different runs"),
    ):
        with pytest.raises(Exception, match=sentence) as caught:
            write_analysis(tmp_path / folder, files)
        assert isinstance(caught.value, UsageError) or caught.type.__name__ == "NotARecording"
    assert sorted(tmp_path.iterdir()) == before


def test_streams_of_known_and_unknown_devices_stand_in_the_pipeline_file(tmp_path: Path) -> None:
    streams = [Seen("a", "STINS", "a"), Seen("b", "UNHEARD", "b"), Seen("c", "xspress", "c")]
    (tmp_path / "pipeline.yaml").write_text(pipeline_text("three", streams, recorded=True))
    for name in ("worker.py", "reducer.py", "parameters.json"):
        (tmp_path / name).write_text("{}")
    found = read_pipeline(tmp_path / "pipeline.yaml").streams
    assert {name: one.device for name, one in found.items()} == {
        "a": "stins",
        "b": "generator",
        "c": "xspress3",
    }

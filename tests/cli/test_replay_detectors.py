"""``beamloom replay --detectors``: another geometry for recorded modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from beamloom import Packet
from beamloom.devices import stins
from beamloom.recordings import Record, RecordingWriter
from support.patience import PATIENCE

ANALYSIS = """
class Worker:
    def process_event(self, event):
        return event.streams["big"].parse().array.tolist() if event.event_number == 1 else None

class Reducer:
    def __init__(self):
        self.publish = {}

    def process_result(self, result):
        if result.event_number == 1:
            print("frame", result.payload)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An analysis, and recordings of two modules."""
    (tmp_path / "analysis.py").write_text(ANALYSIS)
    for value, stream in enumerate(("upper", "lower"), start=1):
        images = [np.full((1, 2), value, np.uint16)]
        with RecordingWriter(tmp_path / f"{stream}.cbors") as writer:
            for event, message in enumerate(stins.generate(images=images)):
                writer.write(Record(event, {stream: Packet("STINS", list(message))}))
    return tmp_path


def replayed(folder: Path, geometry: str) -> subprocess.CompletedProcess[str]:
    (folder / "geometry.yaml").write_text(geometry)
    words = "-w analysis:Worker -r analysis:Reducer -f upper.cbors lower.cbors --detectors geometry.yaml"
    command = [sys.executable, "-m", "beamloom", "replay", *words.split()]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)


def test_the_geometry_in_a_file_is_the_one_of_the_replay(folder: Path) -> None:
    done = replayed(folder, "big: {tiles: [{stream: upper, at: [0, 2]}, {stream: lower, at: [0, 0]}]}")
    assert done.returncode == 0, done.stderr
    assert "frame [[2, 2, 1, 1]]" in done.stdout


def test_a_wrong_one_is_refused_by_line(folder: Path) -> None:
    done = replayed(
        folder, "big:\n  tiles:\n  - {stream: upper, at: [0, 0]}\n  - {stream: lower, at: [0, 0]}\n"
    )
    assert done.returncode == 2
    assert "geometry.yaml:4: detector 'big': the tile 'lower' lies on the tile 'upper'" in done.stderr

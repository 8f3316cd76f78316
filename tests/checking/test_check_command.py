"""``beamloom check`` as people type it, and what its page shows."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom import Packet, PacketKind
from beamloom.cli import main
from beamloom.devices import stins
from beamloom.recordings import Record, RecordingWriter
from beamloom.scaffolding import write_analysis

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def analysis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A new analysis of a camera, in which commands are typed."""
    path = tmp_path / "scan.cbors"
    messages = list(stins.generate(images=(np.full((4, 5), index, np.uint16) for index in range(20))))
    with RecordingWriter(path) as writer:
        for number, message in enumerate(messages):
            kind = {0: PacketKind.START, 21: PacketKind.END}.get(number, PacketKind.DATA)
            writer.write(Record(number, {"camera": Packet("STINS", list(message), number, kind)}))
    folder = write_analysis(tmp_path / "mine", [path]).folder
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield folder
    for name in ("worker", "reducer"):
        sys.modules.pop(name, None)


COMMAND = [
    "check",
    *("-w", "worker:Worker", "-r", "reducer:Reducer", "-f", "recordings/scan.cbors", "-p", "parameters.json"),
    *("--workers", "1,3", "--orders", "1", "--seconds", "0.05"),
]


def test_a_sound_analysis_has_status_0_and_its_times(
    analysis: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(COMMAND) == 0
    shown = capsys.readouterr().out
    assert "worker:Worker and reducer:Reducer, 22 events" in shown
    assert "a pipeline with 3 workers, in 2 orders" in shown
    assert "Worker.process_event" in shown
    assert "No problem found" in shown


def test_one_that_depends_on_the_order_has_status_1_and_tells_it_as_json(
    analysis: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (analysis / "reducer.py").write_text(
        "class Reducer:\n"
        "    def __init__(self):\n"
        "        self.publish = {'order': []}\n"
        "    def process_result(self, result):\n"
        "        self.publish['order'].append(result.event_number)\n"
    )
    assert main([*COMMAND, "--json", "-"]) == 1
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["clean"] is False
    assert {one["what"] for one in told["found"] if one["kind"] == "problem"} >= {"order"}
    assert main([*COMMAND, "--json", "found.json"]) == 1
    assert json.loads((analysis / "found.json").read_text())["events"] == 22


def test_numbers_of_workers_that_are_none_are_refused(
    analysis: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in ("0", "two", ""):
        assert main([*COMMAND[:-6], "--workers", wrong]) == 2
        assert "such as 1,2,4" in capsys.readouterr().err


def test_the_example_of_the_page_runs(analysis: Path, repository: Path) -> None:
    (block,) = BLOCK.findall((repository / "docs/how-to/new-analysis.md").read_text())
    names: dict[str, Any] = {}
    exec(compile(block, "new-analysis.md", "exec"), names)
    assert names["problems"]() == []

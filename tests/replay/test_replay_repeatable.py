"""The same recording gives the same results, and each worker the same events, each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import beamloom
from beamloom.replay import replay
from replay.material import Differences, Ordered, one_part, write_run

CELLS = [[{"constraint": event // 7, "tags": ["fast" if event % 2 else "generic"]}] for event in range(700)]


def recorded(folder: Path) -> list[Path]:
    return write_run(folder, {"a": range(700), "b": range(0, 700, 3)}, one_part(a=CELLS, b=sparse()))


def sparse() -> list[object]:
    return [[{"tags": ["fast"]}] if event % 3 == 0 else None for event in range(700)]


def test_ten_replays_of_a_stateful_analysis_are_alike(tmp_path: Path) -> None:
    files = recorded(tmp_path)
    first, *others = [replay(Differences, Ordered, files, workers=3).publish for _ in range(10)]
    assert len(first) == 3
    assert all(other == first for other in others)


def test_replays_in_other_processes_are_alike_whatever_their_hash_seed(tmp_path: Path) -> None:
    files = [str(path) for path in recorded(tmp_path)]
    code = (
        "import json, sys; from beamloom.replay import replay; from replay.material import Differences, Ordered; "
        "print(json.dumps(replay(Differences, Ordered, sys.argv[1:], workers=3).publish, sort_keys=True))"
    )
    folders = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(beamloom.__file__).parents[1])])

    def run(seed: str) -> object:
        done = subprocess.run(
            [sys.executable, "-c", code, *files],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": folders},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    assert (
        run("1") == run("2") == json.loads(json.dumps(replay(Differences, Ordered, files, workers=3).publish))
    )

"""Rules follow series that other processes write, in every form: each frame once, and none of a series that goes on is given up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.rules import FunctionRule, RuleEngine
from rules.conftest import expected
from support.patience import PATIENCE
from support.series_writer import RUN, pixels

COUNT = 48


@contextmanager
def writer(kind: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The process that writes, which has not written anything yet."""
    words = [sys.executable, "-m", "support.series_writer", kind, str(folder), str(COUNT)]
    path = f"{Path(__file__).parents[1]}"
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=path
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def write(process: subprocess.Popen[str]) -> int:
    """Have it write its next third; how many frames there are then."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def followed(kind: str, folder: Path) -> dict[str, Any]:
    """What a rule is told of the series."""
    if kind == "recording":
        return {"kind": "recording", "path": f"{folder}/", "run": RUN, "stream": "cam"}
    if kind in ("npy", "tif"):
        return {"kind": "folder", "path": str(folder), "growing": True}
    if kind == "spool":
        return {"kind": "spool", "path": str(folder)}
    return {"kind": "hdf5", "path": str(folder / "series.h5"), "quiet": 0}


def sums(series: dict[str, Any], out: Path, engine: RuleEngine, task: str = "sums") -> FunctionRule:
    rule = FunctionRule(
        f"support.rule_tasks:{task}",
        series,
        gather="support.rule_tasks:write_table",
        outputs={"results": out},
        chunk=7,
        max_wait=0.05,
    )
    rule.push(engine)
    return rule


def has_done(rule: FunctionRule, frames: int) -> Callable[[], bool]:
    return lambda: rule.pushed.view().frames_done >= frames


@pytest.mark.parametrize("kind", ["spool", "npy", "tif", "swmr", "reopened", "recording"])
def test_a_rule_follows_what_another_process_writes(kind: str, engine: RuleEngine, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    rule = sums(followed(kind, folder), tmp_path / "live.npy", engine)
    with writer(kind, folder) as process:
        for _ in range(2):
            # Of a recording that is shared, the last frame may have to wait for the other ingester.
            there = write(process) - (kind == "recording")
            assert engine.wait_until(has_done(rule, there), PATIENCE)
            assert rule.status()["state"] == "running"
            assert rule.status()["frames"]["final"] is None
        write(process)
        assert rule.wait(PATIENCE)["frames"] == {
            "released": COUNT,
            "done": COUNT,
            "failed": 0,
            "final": COUNT,
        }
        assert process.wait(PATIENCE) == 0
    table = np.load(tmp_path / "live.npy")
    assert table["frame"].tolist() == list(range(COUNT))
    assert (table["sum"] == expected(pixels(COUNT))).all()

    after = sums(followed(kind, folder), tmp_path / "after.npy", engine)
    after.wait(PATIENCE)
    assert (tmp_path / "after.npy").read_bytes() == (tmp_path / "live.npy").read_bytes()

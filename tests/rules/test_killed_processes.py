"""The process that works off rules is killed at any moment: the next one goes on, and the tables are equal."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from beamloom.rules import LedgerError, LocalPool, RuleEngine, SpoolWriter
from rules.conftest import expected, frames, series
from support.patience import PATIENCE
from support.rule_ledgers import frames_done

pytestmark = pytest.mark.processes


def start(*arguments: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "support.rules_process", *map(str, arguments)])


def until(process: subprocess.Popen[bytes], folder: Path, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while frames_done(folder) < count and process.poll() is None:
        assert time.monotonic() < deadline, f"{frames_done(folder)} frames after {PATIENCE} s"
        time.sleep(0.005)


def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_the_rule_goes_on_and_the_table_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    environment(monkeypatch)
    pixels = frames(600, seed)
    series(tmp_path / "series", pixels)
    folder, out = tmp_path / "rules", tmp_path / "results" / "out.npy"
    chance = random.Random(seed)
    process = start(folder, tmp_path / "series", out)
    for kill in range(2):
        until(process, folder, 200 * kill + chance.randrange(1, 200))
        process.kill()
        process.wait()
        process = start(folder)
    assert process.wait(PATIENCE) == 0
    table = np.load(out)
    assert table["frame"].tolist() == list(range(600))
    assert (table["sum"] == expected(pixels)).all()
    assert [path.name for path in out.parent.iterdir()] == ["out.npy"]


def test_a_series_that_grows_over_the_death_of_its_engine_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch)
    pixels = frames(200)
    writer = series(tmp_path / "series", pixels[:50], close=False)
    folder, out = tmp_path / "rules", tmp_path / "out.npy"
    process = start(folder, tmp_path / "series", out)
    until(process, folder, 50)
    process.send_signal(signal.SIGKILL)
    process.wait()
    writer.write(pixels[50:120])
    process = start(folder)
    until(process, folder, 120)
    writer.write(pixels[120:])
    writer.close()
    assert process.wait(PATIENCE) == 0
    assert (np.load(out)["sum"] == expected(pixels)).all()


def test_no_worker_outlives_a_killed_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left behind fails every test; here the workers are in the middle of something."""
    environment(monkeypatch)
    SpoolWriter(tmp_path / "series", (2, 2), "u2").close()
    series(tmp_path / "more", frames(4000))
    process = start(tmp_path / "rules", tmp_path / "more", tmp_path / "out.npy")
    until(process, tmp_path / "rules", 8)
    process.kill()
    process.wait()


def test_a_folder_that_another_process_works_on_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch)
    series(tmp_path / "series", frames(4000))
    process = start(tmp_path / "rules", tmp_path / "series", tmp_path / "out.npy")
    until(process, tmp_path / "rules", 4)
    with pytest.raises(LedgerError, match=f"process {process.pid}"):
        RuleEngine(tmp_path / "rules", LocalPool(1))
    process.kill()
    process.wait()

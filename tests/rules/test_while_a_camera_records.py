"""The chain of the seed, while the process of a simulated camera records at 100 frames a second: nothing is missing, nothing is double.

The second half of each series is recorded only when frames of the first are worked off, so that the chain is seen to follow. In the long
forms workers, the engine's process and Dask's scheduler are killed at any moment, and the tables are the same to the last bit.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from beamloom.apps.localization import localize, read_table
from beamloom.rules import LocalPool, RuleEngine
from support.dask_commands import DaskCommands
from support.patience import PATIENCE, STARTING
from support.processes import end_one_below
from support.rule_chain import SETTINGS, chain, simulation
from support.rule_ledgers import frames_done
from support.waiting import until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def surroundings(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ``PYME-CLUSTER`` is, and where processes find this checkout."""
    monkeypatch.setenv("BEAMLOOM_CLUSTER_ROOT", str(repository / "examples" / "rules"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts processes of ``support.rule_chain``, and ends those that have not ended."""
    with ExitStack() as processes:

        def start(*arguments: object) -> subprocess.Popen[bytes]:
            process = subprocess.Popen([sys.executable, "-m", "support.rule_chain", *map(str, arguments)])
            processes.callback(process.wait)
            processes.callback(process.kill)
            return process

        yield start


def expect_all(spool_dir: Path, frames: int) -> None:
    """Every frame once, as one call over the whole series finds it; and the blobs are where the spots were."""
    simulated = simulation(frames)
    table, about = read_table(spool_dir / "analysis" / "cell.h5r")
    assert (about["frames"], about["missing_frames"]) == (frames, [])
    assert table.tobytes() == localize(simulated.stack(), SETTINGS).tobytes()
    blobs, _ = read_table(spool_dir / "analysis" / "cell_blobs.parquet")
    places = simulated.places
    assert len(blobs) == len(places)
    distances = np.hypot(blobs["x"][:, None] - places[:, 0], blobs["y"][:, None] - places[:, 1])
    assert distances.min(axis=1).max() < 10.0  # nm, half a pixel of the image
    assert sorted(path.name for path in (spool_dir / "analysis").iterdir()) == [
        *("cell.h5r", "cell.tif", "cell_blobs.parquet")
    ]


@pytest.mark.long
@pytest.mark.parametrize("frames", [200, 2000])
def test_the_chain_follows_a_camera_and_finds_every_frame_once(
    tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]], frames: int
) -> None:
    (tmp_path / "cell").mkdir()
    with RuleEngine(tmp_path / "rules", LocalPool(2)) as engine:
        rule = chain(tmp_path).push(engine)
        camera = start("camera", tmp_path / "cell", frames, 100)
        until(
            lambda: rule.status()["frames"]["done"] >= frames // 4,
            "frames are worked off meanwhile",
            STARTING,
        )
        assert rule.status()["frames"]["final"] is None
        (tmp_path / "cell.go").touch()
        assert camera.wait(PATIENCE) == 0
        status = rule.wait(STARTING, chain=True)
    assert status["frames"] == {"released": frames, "done": frames, "failed": 0, "final": frames}
    expect_all(tmp_path, frames)


@pytest.mark.long
@pytest.mark.parametrize("seed", [0])
def test_workers_and_engines_are_killed_and_the_tables_are_the_same(
    tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]], seed: int
) -> None:
    chance = random.Random(seed)
    (tmp_path / "cell").mkdir()
    folder = tmp_path / "rules"
    camera = start("camera", tmp_path / "cell", 400, 100)
    engine = start("engine", folder, 2, tmp_path)
    for kill in range(6):
        enough = 60 * kill + chance.randrange(1, 60)
        if enough > 150:
            (tmp_path / "cell.go").touch()
        until(lambda: frames_done(folder) >= enough, f"{enough} frames are done", STARTING)  # noqa: B023
        if chance.random() < 0.5:
            end_one_below(engine.pid, "executors.worker", chance)
        else:
            engine.kill()
            engine.wait()
            engine = start("engine", folder, 2)
    assert camera.wait(PATIENCE) == 0
    assert engine.wait(STARTING) == 0
    expect_all(tmp_path, 400)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1])
def test_with_dask_too_whatever_is_killed(
    tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]], seed: int
) -> None:
    pytest.importorskip("distributed", reason="needs Dask: pip install 'beamloom[dask]'")
    chance = random.Random(seed)
    (tmp_path / "cell").mkdir()
    folder = tmp_path / "rules"
    with DaskCommands(tmp_path / "dask") as dask:
        camera = start("camera", tmp_path / "cell", 400, 100)
        engine = start("engine", folder, dask.scheduler_address, tmp_path)
        victims = ["engine", "scheduler", "worker", "engine", "everything"]
        chance.shuffle(victims)
        for kill, victim in enumerate(victims):
            enough = 70 * kill + chance.randrange(1, 70)
            if enough > 150:
                (tmp_path / "cell.go").touch()
            until(lambda: frames_done(folder) >= enough, f"{enough} frames are done", STARTING)  # noqa: B023
            if victim in ("scheduler", "everything"):
                dask.kill("scheduler")
            if victim in ("worker", "everything"):
                dask.kill_a_worker()
            if victim in ("engine", "everything"):
                engine.kill()
                engine.wait()
                engine = start("engine", folder, dask.scheduler_address)
        assert camera.wait(PATIENCE) == 0
        assert engine.wait(STARTING) == 0
    expect_all(tmp_path, 400)

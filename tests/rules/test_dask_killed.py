"""Scheduler, workers and nannies of Dask are killed, and the table is the same: every chunk counts once."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from beamloom.rules import DaskExecutor, FunctionRule, RuleEngine
from rules.conftest import expected, frames, series
from support.dask_commands import DaskCommands
from support.patience import PATIENCE
from support.ports import quiet_port
from support.waiting import until

distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'beamloom[dask]'")
pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]


@pytest.fixture(scope="module", autouse=True)
def callbacks() -> None:
    """The library keeps the thread of the first callback of a process for ever: it is started before the tests."""
    with distributed.Client(
        processes=False, n_workers=1, dashboard_address="127.0.0.1:0", set_as_default=False
    ) as client:
        client.submit(int).add_done_callback(lambda future: None)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DaskCommands:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    return DaskCommands(tmp_path / "dask")


def push(engine: RuleEngine, folder: Path) -> FunctionRule:
    rule = FunctionRule(
        "support.rule_tasks:rests",
        folder / "series",
        gather="support.rule_tasks:write_table",
        outputs={"results": folder / "out.npy"},
        parameters={"seconds": 0.02},
        chunk=4,
    )
    rule.push(engine)
    return rule


@pytest.mark.long
@pytest.mark.expects_errors
@pytest.mark.parametrize("seed", [0])
def test_whatever_of_dask_is_killed_the_table_is_the_same(
    tmp_path: Path, commands: DaskCommands, seed: int
) -> None:
    pixels, chance = frames(600, seed), random.Random(seed)
    series(tmp_path / "series", pixels)
    kills: list[Callable[[], None]] = [
        *(lambda: commands.kill("scheduler"), commands.kill_a_worker),
        *(lambda: commands.kill("worker"), commands.kill_a_worker),
    ]
    chance.shuffle(kills)
    with commands, RuleEngine(tmp_path / "rules", DaskExecutor(commands.scheduler_address)) as engine:
        rule = push(engine, tmp_path)
        for place, kill in enumerate(kills):
            enough = 120 * place + chance.randrange(4, 120)
            until(lambda: rule.status()["frames"]["done"] >= enough, f"{enough} frames are done")  # noqa: B023
            kill()
        rule.wait(2 * PATIENCE)
        table = np.load(tmp_path / "out.npy")
        assert table["frame"].tolist() == list(range(600))
        assert (table["sum"] == expected(pixels)).all()
        assert rule.status()["errors"] == []


@pytest.mark.long
@pytest.mark.expects_errors
def test_without_a_scheduler_the_engine_says_so_and_waits(tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{quiet_port()}"
    with RuleEngine(tmp_path / "rules", DaskExecutor(address)) as engine:
        rule = FunctionRule("support.rule_tasks:nothing", 3).push(engine)
        until(lambda: address in engine.trouble, "the engine tells that the scheduler is not there")
        assert rule.status()["state"] == "running"


@pytest.mark.long
@pytest.mark.expects_errors
def test_a_cluster_that_was_made_here_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    made: list[DaskCommands] = []

    def make() -> DaskCommands:
        made.append(DaskCommands(tmp_path / f"dask{len(made)}", {"worker": ["--no-nanny"]}).start())
        return made[-1]

    pixels = frames(200)
    series(tmp_path / "series", pixels)
    with RuleEngine(tmp_path / "rules", DaskExecutor(make)) as engine:
        rule = push(engine, tmp_path)
        until(lambda: rule.status()["frames"]["done"] >= 20, "20 frames are done")
        made[0].close()
        rule.wait(2 * PATIENCE)
    assert len(made) > 1
    assert (np.load(tmp_path / "out.npy")["sum"] == expected(pixels)).all()

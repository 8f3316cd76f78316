"""The store of the controller is locked, or gone, while a run goes on: the run does, the next one is refused, and all is made up for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from live.pipelines import Bench, check_each_once, of_camera, running, wait_until
from live.series import pictures, uniform_map

pytestmark = pytest.mark.processes

EVENTS = 1000


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """This process has the store, and lets nobody write."""
    with closing(sqlite3.connect(folder / "controller.sqlite", isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def removed(folder: Path) -> Iterator[None]:
    """The folder is not where it was, as when its file system is not mounted any more."""
    away = folder.with_name("away")
    folder.rename(away)
    yield
    away.rename(folder)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", [locked, pytest.param(removed, marks=pytest.mark.long)])
def test_a_store_that_is_locked_or_gone_holds_no_run_up_and_the_next_controller_knows_it_all(
    fault: Callable[[Path], AbstractContextManager[None]],
    camera: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "state"
    monkeypatch.setenv("BEAMLOOM_STATE_DIR", str(folder))
    with running(of_camera(camera)) as live:
        run = live.arm(uniform_map(["camera"], EVENTS))
        with fault(folder):
            camera.play("camera", pictures(EVENTS))
            end = live.finished(60)
            assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0), live.state()
            check_each_once(live, EVENTS)
            wait_until(lambda: not live.is_ready(), "the store's problem to be seen", live.state)
            assert "would not survive this process" in live.refusal(uniform_map(["camera"], 1))[1]
        wait_until(live.is_ready, "the store", live.state, 60)
        live.placement.kill("controller")
        wait_until(lambda: live.placement.ask("progress"), "the next controller", str, 60)
        assert live.progress()["reduced"] == EVENTS + 2
        assert run in str(live.get("runs"))

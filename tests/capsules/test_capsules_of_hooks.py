"""Hooks that belong to no event fail, too: their calls are kept, and made again."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest

from beamloom.analysis import ReducerAnalysis, load_class
from beamloom.capsules import NotReproducible, read_capsule, rerun, write_test
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.triggermap import uniform
from services.bench import Feed, series

HERE = Path(__file__).parent
EVENTS = 6
FAILURES = {
    "timer-reducer": (LookupError, "no timer at"),
    "finish-reducer": (ZeroDivisionError, f"no end at {EVENTS + 2}, gain 3"),
    "finish-worker-1": (RuntimeError, f"{EVENTS + 2} events cannot be closed"),
}


@pytest.fixture
def capsules(tmp_path: Path) -> dict[str, Path]:
    """What a whole run keeps, by hook and process."""
    worker = load_class("analysis_for_capsules:Counting", HERE)
    reducer = partial(ReducerAnalysis, load_class("analysis_for_capsules:Timed", HERE))
    pipeline = InlinePipeline(
        {"camera": lambda: Feed(series(EVENTS))},
        [InlineWorker("worker-1", ("generic",), lambda: Map(worker))],
        reducer,
        capsules=tmp_path / "capsules",
        analysis_path=str(HERE),
    )
    pipeline.play(uniform(["camera"], EVENTS))
    pipeline.close()
    found = {path.stem.rpartition("-")[0]: path for path in (tmp_path / "capsules").glob("*/*.capsule")}
    assert set(found) == set(FAILURES)
    return found


def test_each_of_them_fails_again_as_it_did(capsules: dict[str, Path]) -> None:
    for name, (error, message) in FAILURES.items():
        capsule = read_capsule(capsules[name])
        assert capsule.event is None
        assert capsule.of_reducer == ("reducer" in name)
        assert capsule.sentence.startswith(capsule.where + " failed: " + error.__name__)
        with pytest.raises(error, match=message):
            rerun(capsule)


def test_the_debugger_and_the_test_that_it_writes_make_the_call(
    capsules: dict[str, Path], tmp_path: Path
) -> None:
    path = capsules["finish-reducer"]
    again = subprocess.run(
        [sys.executable, "-m", "beamloom", "debug", path, "--no-pdb"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert "no end at 8, gain 3" in again.stderr
    written = write_test(read_capsule(path), path, tmp_path / "test_end.py")
    assert "def test_finish_does_not_raise() -> None:" in written.read_text()


def test_a_hook_that_this_version_does_not_call_is_refused(capsules: dict[str, Path]) -> None:
    capsule = msgspec.structs.replace(read_capsule(capsules["finish-reducer"]), hook="of tomorrow")
    with pytest.raises(NotReproducible, match="use the one that made it"):
        rerun(capsule)

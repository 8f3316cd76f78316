"""What says how far the tests can be relied on counts right."""

from __future__ import annotations

import importlib
import unittest
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import hypothesis
import pytest

from support import few_examples


@pytest.fixture
def measuring(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a script of benchmarks by its name."""
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))

    def imported(name: str) -> ModuleType:
        return importlib.import_module(name)

    return imported


def test_the_lines_of_a_room_are_those_of_its_files_and_of_no_others(measuring: Any) -> None:
    counted = {"num_statements": 40, "covered_lines": 30}
    names = (
        "src/beamloom/engine/runs/run.py",
        "src/beamloom/engine/deep/run.py",
        "src/beamloom/cli/engine.py",
    )
    rooms = measuring("covered_lines").by_room({"files": {name: {"summary": counted} for name in names}})
    assert rooms["engine"] == (80, 60)
    assert rooms["engine"].share == 0.75
    assert set(rooms) == {"engine", "transport", "services", "results"}
    assert rooms["services"] == (0, 0)


def test_the_interval_around_a_share_is_that_of_wilson(measuring: Any) -> None:
    interval = measuring("mutants").interval
    # Newcombe (1998), Statistics in Medicine 17, 857, table I: 81 of 263 and 15 of 148.
    assert interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert interval(20, 20)[1] == pytest.approx(1.0)


def test_a_state_machine_looks_at_few_examples_and_at_no_more_than_it_wanted() -> None:
    class Many(unittest.TestCase):
        settings = hypothesis.settings(max_examples=200, stateful_step_count=40)

    class Few(unittest.TestCase):
        settings = hypothesis.settings(max_examples=3)

    items = [SimpleNamespace(cls=case) for case in (Many, Few, None)]
    few_examples.pytest_collection_modifyitems(cast("list[pytest.Item]", items))
    assert Many.settings.max_examples == few_examples.EXAMPLES
    assert Many.settings.stateful_step_count == 40
    assert hypothesis.Phase.shrink not in Many.settings.phases
    assert Few.settings.max_examples == 3

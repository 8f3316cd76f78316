"""``beamloom`` lists what an analysis needs, and brings it when it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import beamloom
import beamloom.results


@pytest.mark.parametrize("name", beamloom.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(beamloom, name).__name__ == name
    assert name in dir(beamloom)


def test_the_names_for_type_checkers_are_the_names_that_are_there() -> None:
    tree = ast.parse(Path(beamloom.__file__).read_text())
    declared = {
        (alias.name, node.module)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {name for name, _ in declared} == set(beamloom.__all__)
    for name, module in declared:
        assert getattr(sys.modules[str(module)], name) is getattr(beamloom, name)


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="'beamloom' has no attribute 'Evnt'"):
        beamloom.Evnt  # noqa: B018


def test_importing_beamloom_alone_brings_nothing_but_what_imports_the_rest_later() -> None:
    script = "import sys, beamloom; print(sorted(m for m in sys.modules if m.startswith(('beamloom.', 'msgspec', 'numpy', 'zmq'))))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['beamloom.late_imports']"


def test_result_types_come_without_what_serves_them() -> None:
    script = (
        "import sys, beamloom, beamloom.results; beamloom.Sum, beamloom.results.Mean; "
        "print(sorted(m for m in sys.modules if m.startswith(('starlette', 'uvicorn', 'beamloom.results.http', 'jsonpath'))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", beamloom.results.__all__)
def test_every_name_of_the_results_is_there(name: str) -> None:
    assert getattr(beamloom.results, name).__name__ == name
    assert name in dir(beamloom.results)


def test_an_unknown_name_of_the_results_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Smu'"):
        beamloom.results.Smu  # noqa: B018

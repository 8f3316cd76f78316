"""What Beamloom imports is what pyproject.toml names, and the page on it names the same."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supply.extras import problems_of
from supply.uses import USES

OWN = {"beamloom", "dranspose"}
IMPORT_NAMES = {"jsonpath-rfc9535": "jsonpath_rfc9535", "pyyaml": "yaml", "pyzmq": "zmq", "pytango": "tango"}
"""Of distributions whose modules have another name."""
THERE_OR_NOT = {"IPython", "PIL", "contrast"}
"""Libraries that Beamloom uses where somebody has them, and brings with no extra."""
WITH_ANOTHER = {"dask", "llvmlite", "tornado"}
"""Libraries that an extra brings because one of its own needs them, always: dask and tornado with distributed, llvmlite with numba."""
IMPORTING = {"import_module", "library", "need"}


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    declared: dict[str, Any] = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    return declared


def imported(path: Path) -> Iterator[str]:
    """The libraries that a module imports anywhere, also by name as it runs."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            names = [str(node.args[0].value)] if called in IMPORTING else []
        yield from (name.partition(".")[0] for name in names)


def libraries(requirements: list[str]) -> set[str]:
    names = {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in requirements}
    return {IMPORT_NAMES.get(name.lower(), name.replace("-", "_")) for name in names}


def test_every_library_that_is_imported_is_declared_and_the_other_way_round(
    repository: Path, project: dict[str, Any]
) -> None:
    used = {name for path in (repository / "src").rglob("*.py") for name in imported(path)}
    used -= {*sys.stdlib_module_names, *OWN, *THERE_OR_NOT, *WITH_ANOTHER}
    optional = {
        name for requirements in project["optional-dependencies"].values() for name in libraries(requirements)
    }
    declared = libraries(project["dependencies"]) | optional
    assert used - declared == set()
    never_imported = {"zarr"}  # reads what Beamloom writes by itself
    assert declared - used == never_imported


def test_the_compiled_part_is_for_the_oldest_python_that_is_supported(
    repository: Path, project: dict[str, Any]
) -> None:
    told = re.search(r"^OLDEST = \((\d+), (\d+)\)", (repository / "hatch_build.py").read_text(), re.MULTILINE)
    assert told is not None
    assert project["requires-python"] == f">={told[1]}.{told[2]}"


def test_what_each_extra_is_for_is_written_down(project: dict[str, Any]) -> None:
    assert sorted(USES) == sorted(project["optional-dependencies"])


def test_the_page_on_dependencies_has_a_row_for_each(repository: Path, project: dict[str, Any]) -> None:
    page = (repository / "docs/reference/dependencies.md").read_text()
    named = re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)
    plain = [re.split(r"[<>=]", requirement)[0] for requirement in project["dependencies"]]
    assert named == [*sorted(plain, key=str.lower), *sorted(project["optional-dependencies"])]


def test_a_module_without_its_extra_is_told_from_one_that_nobody_accounts_for() -> None:
    failed = {
        "beamloom.control.epics.serving": "no p4p",
        "beamloom.results.hsds": "no h5pyd",
        "beamloom.engine": "no surprise",
    }
    unknown = "beamloom.engine cannot be imported, and uses.py names no extra that it needs: no surprise"
    assert list(problems_of("epics", failed)) == [
        "beamloom.control.epics.serving is there for this extra and cannot be imported: no p4p",
        unknown,
    ]
    assert list(problems_of("none", failed)) == [unknown]

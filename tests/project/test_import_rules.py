"""The import rules of pyproject.toml find what they forbid."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LATER_ROOMS = ("apps", "rules")


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """The sources and their rules in another folder, with the rooms that are still to be built."""
    for folder in ("src", "tests/support"):
        shutil.copytree(repository / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / "pyproject.toml", tmp_path)
    for room in LATER_ROOMS:
        package = tmp_path / "src/beamloom" / room
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "500"},
        capture_output=True,
        text=True,
    )


def plant(copy: Path, module: str, line: str) -> None:
    """Add ``line`` to a module, or to a new module of a package."""
    path = copy / "src" / module.replace(".", "/")
    path = path / "planted.py" if path.is_dir() else path.with_suffix(".py")
    with path.open("a") as file:
        file.write(f"\n{line}\n")


@pytest.mark.parametrize(
    ("module", "line", "rule"),
    [
        ("beamloom.events", "import beamloom.triggermap", "events stands on nothing"),
        (
            "beamloom.triggermap",
            "import beamloom.parameters",
            "trigger maps, parameters and detectors stand on events",
        ),
        (
            "beamloom.parameters",
            "import beamloom.engine",
            "trigger maps, parameters and detectors stand on events",
        ),
        (
            "beamloom.detectors",
            "import beamloom.devices",
            "trigger maps, parameters and detectors stand on events",
        ),
        ("beamloom.engine", "import beamloom.transport", "the engine knows"),
        ("beamloom.engine", "import beamloom", "the engine knows"),
        ("beamloom.transport", "import beamloom.services", "do not know the services"),
        ("beamloom.devices", "import beamloom.services", "do not know the services"),
        ("beamloom.results", "from beamloom import services", "do not know the services"),
        ("beamloom.devices.pcap", "import beamloom.devices.albaem", "devices do not know each other"),
        ("beamloom.devices.series", "import beamloom.devices.stins", "what they share knows none of them"),
        ("beamloom.recordings", "import beamloom.services", "do not know the services"),
        ("beamloom.apps", "import beamloom.engine", "apps use the public API"),
        (
            "beamloom.rules",
            "from beamloom.events import Event",
            "rules use the public API, ready analyses, and what reads files that grow",
        ),
        ("beamloom.services", "import beamloom.cli", "nothing imports the command line"),
        ("beamloom.services", "import dranspose", "nothing imports the names of dranspose"),
        ("beamloom.events", "import beamloom.engine", "no circle between rooms"),
        ("beamloom.apps", "import beamloom.apps.planted", "no circle between modules"),
    ],
)
def test_a_forbidden_import_is_found(copy: Path, module: str, line: str, rule: str) -> None:
    plant(copy, module, line)
    if rule == "no circle between modules":
        (copy / "src/beamloom/apps/__init__.py").write_text("import beamloom.apps.planted\n")
        (copy / "src/beamloom/apps/planted.py").write_text("import beamloom.apps\n")

    found = lint_imports(copy)

    broken = [text for text in found.stdout.splitlines() if " BROKEN" in text]
    assert found.returncode == 1, found.stdout + found.stderr
    assert any(rule in text for text in broken), found.stdout


def test_apps_may_use_the_public_api(copy: Path) -> None:
    plant(copy, "beamloom.apps", "from beamloom import Event")

    verdicts = lint_imports(copy).stdout.splitlines()

    assert "apps use the public API KEPT" in verdicts

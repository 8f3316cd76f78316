"""The packages that the how-to pages on devices are made of, as pip would leave them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

BLOCK = re.compile(r"^```(?:toml|python|yaml)\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def write_package(page: Path, folder: Path) -> None:
    """Write the files that ``page`` shows, installed into ``folder``."""
    for name, text in BLOCK.findall(page.read_text()):
        (folder / name).write_text(text)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    (folder / "pyproject.toml").rename(folder / "package.toml")
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())])
        for group, entries in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(groups))


def environment(package: Path) -> dict[str, str]:
    """That of a process for which the package is installed, and which is told nothing of how these tests are run."""
    path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": ""}


def run(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the folder of the package."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=package,
        env=environment(package),
        capture_output=True,
        text=True,
        timeout=150,
    )

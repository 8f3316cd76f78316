"""What holds for every file of the repository."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

LINES = 550
"""A module past this holds two ideas."""
SILENT_ROOMS = ("engine", "transport", "services", "devices", "recordings", "results", "control")
"""Rooms that speak through the log."""
MACHINE_PATH = re.compile(r"(?<![\w.:/$}-])/(?:home|root|Users|work|scratch)/\w")


@pytest.fixture(scope="module")
def tracked(repository: Path) -> list[Path]:
    if shutil.which("git") is None or not (repository / ".git").exists():
        pytest.skip("needs git and a checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=repository, capture_output=True, text=True, check=True
    )
    return [path for name in listed.stdout.split("\0") if name and (path := repository / name).is_file()]


def test_no_file_names_a_path_of_one_machine(tracked: list[Path]) -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in tracked
        if b"\0" not in (content := path.read_bytes())
        for number, line in enumerate(content.decode().splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "is_path"),
    [
        ("cd /ho" + "me/anna/data", True),
        ('open("/wo' + 'rk/main")', True),
        ("https://example.org/work/main", False),
        ("see ../work/main and $HOME/work", False),
        ("the /home/ page", False),
    ],
)
def test_a_path_of_one_machine_is_recognised(line: str, is_path: bool) -> None:
    assert bool(MACHINE_PATH.search(line)) == is_path


def test_no_module_holds_two_ideas(tracked: list[Path]) -> None:
    lengths = {path: path.read_text().count("\n") for path in tracked if path.suffix == ".py"}
    assert {str(path): length for path, length in lengths.items() if length > LINES} == {}


def test_services_speak_through_the_log(repository: Path) -> None:
    found = [
        f"{path}:{node.lineno}"
        for room in SILENT_ROOMS
        for path in sorted((repository / "src/beamloom" / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert found == []


def test_captures_are_not_committed(tracked: list[Path]) -> None:
    captures = {".cbors", ".cbor", ".pkls", ".gz", ".npz", ".h5"}
    assert [str(path) for path in tracked if path.suffix in captures] == []


def test_no_link_is_committed(repository: Path, tracked: list[Path]) -> None:
    assert tracked, "the repository has files"
    assert _links(repository) == []


def _links(checkout: Path) -> list[str]:
    """Names of what git has as a symbolic link, which it lists with mode 120000."""
    listed = subprocess.run(
        ["git", "ls-files", "--stage", "-z"], cwd=checkout, capture_output=True, text=True, check=True
    )
    return [entry.partition("\t")[2] for entry in listed.stdout.split("\0") if entry.startswith("120000 ")]


@pytest.mark.parametrize("is_link", [False, True])
def test_an_environment_is_ignored_whether_it_is_a_folder_or_a_link(
    repository: Path, tmp_path: Path, is_link: bool
) -> None:
    if shutil.which("git") is None:
        pytest.skip("needs git")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "init", "--quiet", checkout], check=True)
    shutil.copy(repository / ".gitignore", checkout)
    if is_link:
        (checkout / ".venv").symlink_to(elsewhere)
    else:
        (checkout / ".venv").mkdir()
        (checkout / ".venv/pyvenv.cfg").touch()
    (checkout / "another").symlink_to(elsewhere)
    subprocess.run(["git", "add", "--all"], cwd=checkout, check=True)
    assert _links(checkout) == ["another"]
    listed = subprocess.run(["git", "ls-files"], cwd=checkout, capture_output=True, text=True, check=True)
    assert listed.stdout.split() == [".gitignore", "another"]

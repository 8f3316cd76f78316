"""Every device has its page, and every command line on the pages is one that Beamloom takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from beamloom.cli import _commands
from beamloom.devices.registry import device_names

FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LOOKING = ("simulate", "probe", "record", "inspect")
OF_ANOTHER_PACKAGE = "balance"
"""The device that the how-to adds."""


@pytest.fixture(scope="session")
def pages(repository: Path) -> dict[str, str]:
    """The pages of the devices, by their names."""
    return {path.name: path.read_text() for path in sorted((repository / "docs/devices").glob("*.md"))}


def test_every_installed_device_has_a_page_that_says_what_is_recognised(pages: dict[str, str]) -> None:
    wanted = [
        (f"device: {name}", re.compile(r"^#+ (What is recognised|Faults)", re.MULTILINE))
        for name in device_names()
    ]
    lacking = [
        entry
        for entry, recognised in wanted
        if not any(re.search(rf"{entry}\b", page) and recognised.search(page) for page in pages.values())
    ]
    assert lacking == []


def test_the_index_leads_to_every_page_of_a_device(pages: dict[str, str], repository: Path) -> None:
    index = (repository / "docs/index.md").read_text()
    assert [name for name in pages if f"(devices/{name})" not in index] == []


def command_lines(repository: Path) -> list[tuple[str, list[str]]]:
    """The command lines on all pages that simulate, probe, record or inspect: where they stand, and their words."""
    shown = [
        (path.name, line.removeprefix("$ ").removesuffix("&"))
        for path in [repository / "README.md", *sorted((repository / "docs").rglob("*.md"))]
        for block in FENCE.findall(path.read_text())
        for line in block.splitlines()
    ]
    words = [
        (name, shlex.split(line, comments=True)[1:]) for name, line in shown if line.startswith("beamloom ")
    ]
    return [(name, line) for name, line in words if line[0] in LOOKING and OF_ANOTHER_PACKAGE not in line]


def test_every_command_line_that_a_page_shows_is_understood(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = command_lines(repository)
    assert {words[0] for _, words in shown} == set(LOOKING)
    for name, (command, *words) in shown:
        parser = _commands.parser_of(command, _commands.load(command))
        try:
            _commands.parse(parser, words)
        except SystemExit:
            pytest.fail(f"{name}: {' '.join(words)}\n{capsys.readouterr().err}")

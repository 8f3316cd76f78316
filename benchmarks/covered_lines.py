"""How many lines of the rooms that must not fail their own tests reach, in the processes that they start, too.

    python benchmarks/covered_lines.py [--again] [--page docs/reference/tests.md] [WORDS OF PYTEST ...]

coverage.py (`pip install --group measuring`, which `make coverage` does) counts in the tests, in every process that is started by them, and
where these end by `os._exit`; how is written in pyproject.toml. A process that is killed outright writes nothing: what only it ran counts
as not reached. Shows which lines of each file are not reached. With other tests than its own it judges nothing and writes no page; with
its own it ends with 1 when a room has less than 90 %. Everything is made in out/coverage.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from page import put

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "out" / "coverage"
FIGURES = FOLDER / "coverage.json"
ROOMS = ("engine", "transport", "services", "results")
LEAST = 0.9
"""Of the lines of each room."""
TESTS = [
    *(f"tests/{room}" for room in ROOMS),
    "tests/demo",
    "tests/guard",
    "tests/live",
    "tests/reprocessing",
]
"""The tests of the rooms, and of what they are together."""
TIME_LIMIT = 300
"""Seconds for each test that does not say itself how many it needs: all of them take longer when their lines are counted."""


class Lines(NamedTuple):
    """How many lines with code there are, and how many of them were run."""

    all: int
    reached: int

    @property
    def share(self) -> float:
        """How many of a hundred, as one of 1."""
        return self.reached / self.all if self.all else 1.0


def main() -> int:
    """Run the tests, put together what their processes wrote, say what it comes to."""
    asked, words = _parser().parse_known_args()
    failed = False
    if not asked.again:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        failed = _coverage("run", "-m", "pytest", "-o", f"timeout={TIME_LIMIT}", *(words or TESTS)) != 0
    if any(FOLDER.glob("data.*")):
        _coverage("combine", "--quiet")
    _coverage("json", "--quiet", "-o", str(FIGURES))
    rooms = by_room(json.loads(FIGURES.read_text()))
    wanted = [f"*/beamloom/{room}/*" for room in ROOMS]
    _coverage("report", "--show-missing", "--skip-covered", "--precision=1", f"--include={','.join(wanted)}")
    for room, lines in rooms.items():
        print(f"{room:10} {lines.reached:6,} of {lines.all:6,} lines: {lines.share:.1%}")
    if failed:
        print("some tests failed; the figures are of what ran", file=sys.stderr)
    if words:
        return int(failed)
    if asked.page is not None:
        _write(asked.page, rooms)
    return int(failed or any(lines.share < LEAST for lines in rooms.values()))


def by_room(figures: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, Lines]:
    """The lines of each room, of what ``coverage json`` wrote."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, file in figures["files"].items():
        room = name.partition("beamloom/")[2].partition("/")[0]
        sums[room][0] += file["summary"]["num_statements"]
        sums[room][1] += file["summary"]["covered_lines"]
    return {room: Lines(*sums[room]) for room in ROOMS}


def _coverage(*words: str) -> int:
    return subprocess.run([sys.executable, "-m", "coverage", *words], cwd=ROOT, check=False).returncode


def _write(page: Path, rooms: dict[str, Lines]) -> None:
    rows = [[f"`{room}`", f"{lines.all:,}", f"{lines.share:.1%}"] for room, lines in rooms.items()]
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    note = f"Commit {commit}, by `pytest {' '.join(TESTS)}`, Python {sys.version.partition(' ')[0]}."
    put(page, "coverage", ["room", "lines with code", "reached"], rows, note)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Run tests and say which lines of the rooms that must not fail they reach."
    )
    parser.add_argument(
        "--again", action="store_true", help="run nothing: say again what the last run came to"
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help="page of the documents that gets the table, unless other tests are run",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

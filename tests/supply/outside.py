"""The wheel in an empty environment of one Python: its commands, its compiled part, the demo, and tests that came with the sources."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from supply.distributions import Distributions
from supply.rooms import Refused, Room

TESTED = ("capsules", "detectors", "doctor", "journal", "native", "parameters", "spool", "triggermap")
"""Rooms of ``tests/`` that need nothing but a plain installation; what of them needs a checkout skips itself."""
_ASKS_FOR_COMPILED = "import beamloom.native as native; print(native.WITHOUT)"
_ASKS_FOR_COMMANDS = "from beamloom.cli._commands import names; print(*names())"
_PLACE = "import beamloom; print(beamloom.__file__)"
_PASSED = re.compile(r"(\d+) passed")


def look_from_outside(given: Distributions, folder: Path, interpreter: str) -> Iterator[str]:
    """Look at one thing after the other, and say of each what came of it. Raises Refused at the first that fails."""
    room = Room(folder, interpreter)
    (sources,) = given.sdist.parent.glob("unpacked/beamloom-*")
    constraints = sources / "constraints.txt"
    room.install([given.wheel], constraints)
    place = room.run("python", "-c", _PLACE).strip()
    if not place.startswith(str(folder)):
        raise Refused(f"{place} would be tested, which is not what was installed in {folder}")
    yield f"installed: {room.bytes_of_packages() / 1e6:.0f} MB with what it needs"

    if without := room.run("python", "-c", _ASKS_FOR_COMPILED).strip():
        raise Refused(f"the compiled part is not used: {without}")
    yield "the compiled part is used"

    commands = room.run("python", "-c", _ASKS_FOR_COMMANDS).split()
    for command in commands:
        if f"beamloom {command}" not in room.run("beamloom", command, "--help", seconds=60):
            raise Refused(f"beamloom {command} --help does not name its command")
    room.run("dranspose", "--help", seconds=60)
    yield f"{len(commands)} commands show their help"

    room.run("beamloom", "demo", seconds=180)
    yield "the demo ran"

    shutil.copytree(sources / "tests", room.at / "tests")
    shutil.copy(sources / "pyproject.toml", room.at)
    room.install(["pytest", "pytest-timeout", "pytest-xdist", "hypothesis"], constraints)
    said = room.run("python", "-m", "pytest", "-x", "--color=no", *(f"tests/{name}" for name in TESTED))
    passed = _PASSED.search(said)
    if passed is None:
        raise Refused(f"no test ran: {said[-500:]}")
    yield f"{passed[1]} tests passed"

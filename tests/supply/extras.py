"""Each optional extra, installed alone: what is for it is imported, and nothing else is missing than what other extras are for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from supply.rooms import Refused, Room
from supply.uses import USES

PLAIN = "none"
"""The name of the installation without extras."""


class Installed(NamedTuple):
    """How one installation went."""

    extra: str
    megabytes: float
    modules: int
    """Modules of Beamloom that were found and imported."""
    problems: tuple[str, ...]


def look_at(extra: str, wheel: Path, constraints: Path, folder: Path, interpreter: str) -> Installed:
    """Install the wheel with one extra, or with PLAIN, and import everything."""
    try:
        room = Room(folder, interpreter)
        room.install([f"{wheel}[{extra}]" if extra != PLAIN else wheel], constraints)
        sweep = Path(__file__).with_name("sweep.py")
        libraries = USES[extra].libraries if extra != PLAIN else ()
        seen = json.loads(room.run("python", sweep, *libraries).splitlines()[-1])
        problems = list(problems_of(extra, seen["failed"]))
        if extra != PLAIN and USES[extra].deed:
            room.run("beamloom", *USES[extra].deed)
        imported = seen["modules"] - len(seen["failed"])
    except Refused as refused:
        return Installed(extra, 0.0, 0, (str(refused),))
    return Installed(extra, room.bytes_of_packages() / 1e6, imported, tuple(problems))


def problems_of(extra: str, failed: Mapping[str, str]) -> Iterator[str]:
    """What of the imports that failed should not have: what the extra is for, and what no extra is for."""
    for name, why in failed.items():
        for_extras = {
            other for other, use in USES.items() if any(_is_in(name, package) for package in use.modules)
        }
        if extra in for_extras:
            yield f"{name} is there for this extra and cannot be imported: {why}"
        elif not for_extras:
            yield f"{name} cannot be imported, and uses.py names no extra that it needs: {why}"


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")

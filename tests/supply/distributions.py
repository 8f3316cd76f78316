"""The two files that are given away: an archive of the sources, and the wheel that is built of it."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

from supply.rooms import Refused, call

SECONDS = 120


class Distributions(NamedTuple):
    """Both files."""

    sdist: Path
    wheel: Path


def build(checkout: Path, folder: Path) -> Distributions:
    """Both, in ``folder``. The wheel is built of what the archive has and nothing else. Raises Refused."""
    folder.mkdir(parents=True, exist_ok=True)
    hatchling: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "--directory", folder]
    call([*hatchling, "--target", "sdist"], checkout, SECONDS)
    sdist = _only(folder, "beamloom-*.tar.gz")
    unpacked = folder / "unpacked"
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    call([*hatchling, "--target", "wheel"], _only(unpacked, "beamloom-*"), SECONDS)
    return Distributions(sdist, _only(folder, "beamloom-*.whl"))


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise Refused(f"{folder} should have one {pattern}, and has {[path.name for path in found]}")
    return found[0]

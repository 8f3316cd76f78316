"""Where a step may read and write: in and below the folders that whoever runs the service has named, symbolic links followed.

A rule that comes from a program of one's own may go anywhere, as that program may. One that comes over HTTP carries the folders with it,
so that whoever works it off, on whatever machine, holds to them: what is written in it is looked at when it is submitted, and each path
once more when it is used, as patterns and templates name their files only then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from beamloom.rules.errors import RuleRefused

ANYWHERE: Final[Sequence[str]] = ()
_WILD: Final = re.compile(r"[*?\[]")


def objection(path: str | Path, below: Sequence[str]) -> str:
    """Why ``path`` may not be used, as a sentence; empty where it may. ``below``: the folders; none: anywhere."""
    if not below:
        return ""
    if "\0" in str(path):
        return "a path cannot have a NUL in it"
    real = Path(os.path.realpath(path))
    if any(_is_in(real, Path(os.path.realpath(folder))) for folder in below):
        return ""
    return (
        f"{str(path)[:300]!r} is outside of what this service may read and write, which is {' and '.join(below)}; "
        "name a path in there, or have another folder added to its setting rules_below"
    )


def check(path: str | Path, below: Sequence[str]) -> None:
    """Raises RuleRefused for a path that may not be used."""
    found = objection(path, below)
    if found:
        raise RuleRefused(found)


def check_pattern(pattern: str, below: Sequence[str]) -> None:
    """The same for a pattern of paths: what comes before its first wildcard has to be inside, and there is no way back up behind it."""
    if not below:
        return
    wild = _WILD.search(pattern)
    if wild is None:
        check(pattern, below)
        return
    check(os.path.dirname(pattern[: wild.start()]) or ".", below)
    if ".." in Path(pattern[wild.start() :]).parts:
        raise RuleRefused(f"the pattern {pattern[:300]!r} goes up behind a wildcard; write the folder out")


def _is_in(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents

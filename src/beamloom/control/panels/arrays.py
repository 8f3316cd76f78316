"""Results that are arrays or tables, as somebody asks for them on a command line: ``NAME=PATH:1``, ``NAME=PATH:2``, ``NAME=PATH``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class WantedArray(NamedTuple):
    """A result that is to be shown."""

    name: str
    path: str
    dimensions: int
    """1 for a spectrum, 2 for an image."""


class WantedTable(NamedTuple):
    """A result that is to be shown as a table: columns of one length."""

    name: str
    path: str


def wanted_tables(words: Iterable[str]) -> list[WantedTable]:
    """What these words ask for. Raises ValueError with a sentence."""
    wanted = []
    for word in words:
        name, _, path = word.partition("=")
        if not (name and path):
            raise ValueError(f"{word!r} is not of the form NAME=PATH, such as hits=found/hits")
        wanted.append(WantedTable(name, path))
    return wanted


def wanted_arrays(words: Iterable[str]) -> list[WantedArray]:
    """What these words ask for. Raises ValueError with a sentence."""
    wanted = []
    for word in words:
        name, equals, path = word.partition("=")
        path, _, dimensions = path.rpartition(":")
        if not (name and equals and path) or dimensions not in ("1", "2"):
            raise ValueError(
                f"{word!r} is not of the form NAME=PATH:1 for a spectrum, or NAME=PATH:2 for an image"
            )
        wanted.append(WantedArray(name, path, int(dimensions)))
    return wanted

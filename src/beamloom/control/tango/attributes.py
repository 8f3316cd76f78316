"""How parameters and results appear as Tango attributes: names, types, limits. Nothing here knows Tango.

Names of Tango are one word of letters, digits, ``_`` and ``-``; all other characters become ``_``, and a name that is taken gets a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from beamloom.control.panels.arrays import wanted_arrays

MOST_ELEMENTS = 1 << 24
"""Elements in one direction of an attribute that is an array."""
WITH_EVENTS = (
    "State",
    "Status",
    "run",
    "completedEvents",
    "totalEvents",
    "lostEvents",
    "failedEvents",
    "workerCount",
    "feedback",
)
"""Attributes that the device has for itself, and whose changes it tells as events."""
TAKEN = frozenset(name.lower() for name in (*WITH_EVENTS, "coverage", "lastFeedback"))
"""Names that the device has for itself; Tango does not tell upper from lower case."""


class Shown(NamedTuple):
    """One attribute."""

    name: str
    about: str
    """The name of its parameter, or the path of its result."""
    dtype: Any
    """As PyTango takes it: a type, or a tuple of it for a spectrum, a tuple of that for an image."""
    unit: str = ""
    min_value: str = ""
    max_value: str = ""
    doc: str = ""
    by_path: bool = False
    """Whether what is written is the path of a file, whose content is sent along."""


class Names:
    """Gives each parameter and each result a name of its own."""

    def __init__(self) -> None:
        self._taken = set(TAKEN)

    def give(self, wanted: str) -> str:
        """A name that is like this one."""
        name = re.sub(r"[^A-Za-z0-9_-]", "_", wanted) or "_"
        number, given = 1, name
        while given.lower() in self._taken:
            number += 1
            given = f"{name}_{number}"
        self._taken.add(given.lower())
        return given

    def take_back(self, name: str) -> None:
        """The name is free again."""
        self._taken.discard(name.lower())


def of_parameters(described: Iterable[Mapping[str, Any]], names: Names) -> list[Shown]:
    """One attribute for each parameter; a file is there by its path, and as ``NAME_file`` by its content."""
    return [
        Shown(
            names.give(one["name"]),
            one["name"],
            _type(one),
            one.get("unit") or "",
            _limit(one.get("min")),
            _limit(one.get("max")),
            _doc(one),
            by_path=one["dtype"] == "file",
        )
        for one in described
    ]


def of_numbers(paths: Iterable[str], names: Names) -> list[Shown]:
    """One attribute for each result that is a number."""
    return [Shown(names.give(path), path, float, doc=f"result {path}") for path in paths]


def of_arrays(words: Iterable[str], names: Names) -> list[Shown]:
    """One attribute for each array that is asked for. Raises ValueError."""
    return [
        Shown(
            names.give(one.name),
            one.path,
            (float,) if one.dimensions == 1 else ((float,),),
            doc=f"result {one.path}",
        )
        for one in wanted_arrays(words)
    ]


def _type(described: Mapping[str, Any]) -> Any:
    match described["dtype"]:
        case "int":
            return int
        case "float":
            return float
        case "bool":
            return bool
        case "choice":
            choices = described["choices"]
            if all(isinstance(choice, int) for choice in choices):
                return int
            return float if all(isinstance(choice, int | float) for choice in choices) else str
        case "binary":
            return (np.uint8,)
        case "array":
            element: Any = int if "int" in described["element"] else float
            # Tango has no more than two dimensions: what has more is written as JSON.
            return {1: (element,), 2: ((element,),)}.get(len(described.get("shape") or [None]), str)
        case _:
            return str


def _limit(value: Any) -> str:
    return "" if value is None or isinstance(value, list) else str(value)


def _doc(described: Mapping[str, Any]) -> str:
    said = [described.get("description") or ""]
    if described.get("choices"):
        said.append("one of " + " | ".join(map(str, described["choices"])))
    if described["dtype"] == "file":
        said.append("write the path of a file: its content is sent along")
    return "; ".join(filter(None, said))

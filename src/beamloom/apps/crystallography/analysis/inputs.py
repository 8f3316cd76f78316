"""Parameters as the parts of the analysis take them: what belongs together, whether it has changed, and the files among it.

A part of the analysis is made anew when one of its own parameters has changed, so that a threshold moves at no cost and a geometry is not
read again for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from beamloom import FileParameter, Parameter, ParameterValue, UserError
from beamloom.apps.contents import content_of

Given = Mapping[str, ParameterValue]
Stamp = tuple[tuple[str, int, int], ...]
"""Of files: path, time of the last change in nanoseconds, size in bytes."""
T = TypeVar("T")


class AnalysisInputError(UserError, ValueError):
    """A parameter or a file with which frames cannot be analysed."""


def names_of(descriptions: Iterable[Parameter]) -> tuple[str, ...]:
    """The names under which these parameters stand in a set: a file is two of them."""
    return tuple(part.name for description in descriptions for part in description.parts())


def digest(parameters: Given, names: Iterable[str]) -> bytes:
    """The same for the same values of these parameters, on every machine."""
    return b"".join(parameters[name].digest for name in names)


def content(parameters: Given, parameter: FileParameter | str) -> bytes | None:
    """The content of a file parameter: what was sent, else what is in the file of that name; None where neither was given.

    Raises AnalysisInputError.
    """
    try:
        return content_of(parameters, parameter if isinstance(parameter, str) else parameter.name)
    except UserError as error:
        raise AnalysisInputError(str(error)) from None


def stamp(paths: Iterable[str]) -> Stamp:
    """What tells whether files have changed; empty paths and files that cannot be seen are left out."""
    found = []
    for path in filter(None, paths):
        with contextlib.suppress(OSError):
            about = Path(path).expanduser().stat()
            found.append((path, about.st_mtime_ns, about.st_size))
    return tuple(found)


class Part(Generic[T]):
    """A part of the analysis, made when it is first asked for and again when its parameters have changed."""

    def __init__(self, names: Iterable[str], make: Callable[..., T]) -> None:
        self._names = tuple(names)
        self._make = make
        self._key: Any = None
        self._made: T | None = None

    def of(self, parameters: Given, *needs: Any) -> T:
        """The part for these parameters; ``needs`` are other parts that it is made of. Raises what making it raises, each time."""
        key = (digest(parameters, self._names), *map(id, needs))
        if self._made is None or key != self._key:
            self._made = None
            self._made = self._make(parameters, *needs)
            self._key = key
            self._needs = needs
        return self._made

"""What becomes of a key of a monitor.yaml: a parameter, nothing, or a refusal; and which values it takes."""

from __future__ import annotations

import dataclasses
from typing import Any, Final


@dataclasses.dataclass(frozen=True)
class Takes:
    """A type of values, as OM's documentation has them."""

    noun: str
    types: tuple[type, ...]

    def fits(self, value: Any) -> bool:
        """Whether this is such a value; true and false are no numbers, though OM lets them pass."""
        if isinstance(value, bool):
            return bool in self.types
        return isinstance(value, self.types)


TEXT: Final = Takes("a text", (str,))
WHOLE: Final = Takes("a whole number", (int,))
NUMBER: Final = Takes("a number", (int, float))
SWITCH: Final = Takes("true or false", (bool,))
NAMES: Final = Takes("a list of names", (list,))
MAPPING: Final = Takes("a mapping", (dict,))
FILES: Final = Takes("a file name, or a list of them", (str, list))
ANYTHING: Final = Takes("anything", (object,))


@dataclasses.dataclass(frozen=True)
class Becomes:
    """The value of a parameter."""

    parameter: str
    takes: Takes
    required: bool = False
    """OM does not start without it."""
    is_file: bool = False
    """It names a file that has to be there."""


@dataclasses.dataclass(frozen=True)
class Handled:
    """Its meaning depends on other keys; ``translate`` knows it."""

    takes: Takes
    required: bool = False


@dataclasses.dataclass(frozen=True)
class Unused:
    """Understood, and there is nothing to be done for it; ``why`` is told to who starts."""

    takes: Takes
    why: str


@dataclasses.dataclass(frozen=True)
class Refused:
    """Cannot be done; ``instead`` says what to do."""

    instead: str


Key = Becomes | Handled | Unused | Refused

"""One row of the comparison: a figure of each system, and the floors that Beamloom's is held to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

BEAMLOOM: Final = "beamloom"
DRANSPOSE: Final = "dranspose"
PYZMQ: Final = "pyzmq"
MEMCPY: Final = "memcpy"
PLAIN: Final = "plain loop"
SYSTEMS: Final = (BEAMLOOM, DRANSPOSE, PYZMQ, MEMCPY, PLAIN)


@dataclass(frozen=True)
class Floor:
    """What Beamloom's figure has to reach: a number, or so many times the figure of another system."""

    limit: float
    of: str = ""
    """The other system; empty where the limit is a number."""
    at_most: bool = False
    """Whether the figure has to stay below, instead of reaching it."""

    def met(self, figures: dict[str, float]) -> bool | None:
        """Whether it is; None where a figure is missing."""
        own, other = figures.get(BEAMLOOM), figures.get(self.of) if self.of else 1.0
        if own is None or other is None:
            return None
        return own <= self.limit * other if self.at_most else own >= self.limit * other

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        return f"{sign} {self.limit:,g}" + (f" × {self.of}" if self.of else "")


@dataclass
class Row:
    """One line of the table."""

    name: str
    """Its key in ``latest.json``."""
    title: str
    unit: str
    figures: dict[str, float] = field(default_factory=dict)
    """By system."""
    floors: tuple[Floor, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    """By system, why it has no figure."""
    detail: dict[str, Any] = field(default_factory=dict)
    """What else was measured, for the file."""
    more_is_better: bool = True

    @property
    def met(self) -> bool | None:
        """Whether all floors are met; None where there are none, or some cannot be judged and none is missed."""
        verdicts = [floor.met(self.figures) for floor in self.floors]
        if False in verdicts:
            return False
        return None if None in verdicts or not verdicts else True

    @property
    def loses_to(self) -> list[str]:
        """The systems whose figure is better; not the limits, which have nothing of a framework."""
        own, other = self.figures.get(BEAMLOOM), self.figures.get(DRANSPOSE)
        if own is None or other is None:
            return []
        return [DRANSPOSE] if (other > own) == self.more_is_better and other != own else []

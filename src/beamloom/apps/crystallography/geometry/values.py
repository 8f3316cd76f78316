"""What stands to the right of an equals sign in a geometry: numbers, directions, bits, and quantities with units or locations."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from beamloom.apps.crystallography.geometry.model import Quantity, Vector

_TERM = re.compile(r"([+-]?)((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)?\*?([xyz])")


def direction(text: str) -> Vector:
    """``+0.99x -1.2e-3y`` as (x, y, z). Raises ValueError with what is expected."""
    packed = "".join(text.split())
    found: dict[str, float] = {}
    place = 0
    while place < len(packed):
        term = _TERM.match(packed, place)
        if term is None or (place and not term[1]) or term[3] in found:
            raise ValueError("expected a direction such as +0.99x -0.01y")
        found[term[3]] = float(term[2] or 1) * (-1 if term[1] == "-" else 1)
        place = term.end()
    if not found or not any(found.values()):
        raise ValueError("expected a direction such as +0.99x -0.01y")
    return found.get("x", 0.0), found.get("y", 0.0), found.get("z", 0.0)


def number(text: str) -> float:
    """A finite number. Raises ValueError."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError("expected a number") from None
    if not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


def whole(text: str) -> int:
    """A whole number, ``12`` or ``12.0``. Raises ValueError."""
    value = number(text)
    if value != int(value):
        raise ValueError("expected a whole number")
    return int(value)


def bits(text: str) -> int:
    """A mask of bits, ``0x1f`` or ``31``. Raises ValueError."""
    try:
        value = int(text, 0)
    except ValueError:
        value = whole(text)
    if value < 0:
        raise ValueError("expected bits such as 0xff")
    return value


def truth(text: str) -> bool:
    """``1``, ``true``, ``0`` or ``false``. Raises ValueError."""
    match text.lower():
        case "1" | "true" | "yes":
            return True
        case "0" | "false" | "no":
            return False
        case _:
            raise ValueError("expected 1 or 0, true or false")


def quantity(text: str, units: Mapping[str, float], of_number: str, of_location: str) -> Quantity:
    """``0.15 m``, ``150 mm``, or a location with a unit; in the unit that has the factor 1 in ``units``.

    ``of_number`` and ``of_location`` are the units where none is given. Raises ValueError.
    """
    words = text.split()
    if not 1 <= len(words) <= 2:
        raise ValueError(f"expected a number or a location, and one of the units {', '.join(units)}")
    unit = None
    if len(words) == 2:
        unit = words[1]
        if unit not in units:
            raise ValueError(f"expected one of the units {', '.join(units)}")
    try:
        value = float(words[0])
    except ValueError:
        return Quantity(None, words[0], units[unit or of_location])
    if not math.isfinite(value):
        raise ValueError("expected a finite number")
    return Quantity(value * units[unit or of_number])

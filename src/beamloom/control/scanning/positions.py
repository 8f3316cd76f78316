"""Where the analysis wants the motors of a scan."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any


def positions_of(said: Any, motors: Sequence[str]) -> dict[str, float]:
    """Where these motors are to be, as a payload or a result says: those that are not named stay where they are.

    A number, for one motor; or numbers by names of motors; or a mapping that has either as ``position``. Anything else says nothing.
    """
    if isinstance(said, Mapping) and "position" in said:
        said = said["position"]
    if not isinstance(said, Mapping):
        said = {motors[0]: said} if len(motors) == 1 else {}
    return {motor: float(said[motor]) for motor in motors if _is_number(said.get(motor))}


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)

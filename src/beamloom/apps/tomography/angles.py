"""Angles of an encoder that begins again after a turn, also where it does so in the middle of an exposure.

An encoder box captures the mean of the counter over the exposure. Where the counter jumps from its largest to its smallest value meanwhile,
that mean is of values from both ends, and tells nothing: a real scan of 11 points has one such point. It is seen by two things
together: the motion before leads to within a step of the jump, and the value is not where it leads to. Then the angle is that to which the
motion leads.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Angle(NamedTuple):
    """One angle."""

    degrees: float
    """It goes on where the encoder begins again."""
    measured: bool
    """Whether the encoder says so; False: it is where the motion before it leads to."""


class Turning:
    """Angles one after the other, in the order of their times."""

    def __init__(self, turn: float = 0.0, offset: float = 0.0, tolerance: float = 0.05) -> None:
        """Begin with the next angle.

        ``turn``: degrees after which the encoder begins again, 0 for one that never does; it does so at half a turn from where it
        shows 0. ``offset``: degrees at which it shows 0. ``tolerance``: how far a value may be from where the motion leads to, in steps.
        """
        self._turn = turn
        self._offset = offset
        self._tolerance = tolerance
        self._before: list[tuple[float, float]] = []
        """Times and angles of the last two."""

    def follow(self, time: float, degrees: float) -> Angle:
        """The angle at ``time`` (seconds; NaN: not known), where the encoder shows ``degrees`` (its offset included)."""
        angle = self._following(time, degrees)
        if math.isfinite(angle.degrees):
            self._before = [*self._before[-1:], (time, angle.degrees)]
        return angle

    def _following(self, time: float, degrees: float) -> Angle:
        if not self._turn or not self._before or not math.isfinite(degrees):
            return Angle(degrees, measured=math.isfinite(degrees))
        expected, step = self._expected(time)
        nearest = degrees + self._turn * round((expected - degrees) / self._turn)
        if step is not None and self._jumps_near(expected, step):
            agrees = abs(nearest - expected) <= self._tolerance * abs(step)
            return Angle(nearest if agrees else expected, measured=agrees)
        return Angle(nearest, measured=True)

    def _expected(self, time: float) -> tuple[float, float | None]:
        """Where the motion leads to, and how far it goes since the last angle; None where nobody knows."""
        last_time, last = self._before[-1]
        if len(self._before) < 2 or last_time == self._before[0][0]:
            return last, None
        first_time, first = self._before[0]
        step = (last - first) / (last_time - first_time) * (time - last_time)
        # Without times nobody knows how far it goes.
        return (last + step, step) if math.isfinite(step) else (last, None)

    def _jumps_near(self, angle: float, step: float) -> bool:
        """Whether the encoder begins again within a step of this angle."""
        from_jump = math.remainder(angle - self._offset - self._turn / 2, self._turn)
        return abs(from_jump) <= abs(step)

"""Plans that the analysis steers.

``next_feedback`` is what a plan of one's own needs; ``steered_scan`` is a scan that is ready. What the analysis says is what its classes
give by ``self.feedback(kind, ...)``.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.utils import Msg

from beamloom.client import Feedback
from beamloom.control.bluesky.live_analysis import LiveAnalysis
from beamloom.control.bluesky.preprocessors import live_analysis_wrapper
from beamloom.control.bluesky.waiting import check_choice, wait_for
from beamloom.control.scanning.positions import positions_of
from beamloom.errors import TimedOut, UsageError

logger = logging.getLogger(__name__)

IMPATIENT_SECONDS = 0.2
"""Longest wait at a point where the analysis was late at the one before."""
Point: TypeAlias = dict[str, float]
"""Positions by the names of motors."""
MOST_POINTS_FACTOR = 10
"""A scan is over when it has taken so many times its points, where nothing else is said."""


def next_feedback(
    live: LiveAnalysis, *, time_limit: float = 5.0, when_late: Literal["go_on", "fail"] = "go_on"
) -> Generator[Msg, Any, Feedback | None]:
    """The next thing that the analysis says, each once and in order; None where it has seen all points and says nothing more.

    ``advice = yield from next_feedback(live)`` in a plan, between two points. It goes on as soon as that is known, and has a checkpoint.
    When ``time_limit`` seconds are over it gives None, too, or with ``when_late="fail"`` raises TimedOut. What was late comes next time.
    """
    check_choice(when_late, ("go_on", "fail"))
    asked = live.ask()
    if (yield from wait_for(asked.answer, time_limit)) or not asked.answer.cancel():
        return asked.answer.result()
    if when_late == "fail":
        if live.is_armed:
            late = f"the analysis has not come to the last point within {time_limit:g} s; look at the pipeline ('beamloom doctor')"
        else:
            late = (
                f"no run of the pipeline is armed for this scan after {time_limit:g} s; is the LiveAnalysis subscribed (RE.subscribe, or "
                "live_analysis_wrapper), and the pipeline there"
            )
        raise TimedOut(f"{late}, wait longer (time_limit), or scan on without it (when_late='go_on')")
    return None


@dataclass
class Steered:
    """How a steered scan went; its plan returns it."""

    points: int = 0
    """How many were taken."""
    heard: list[Feedback] = field(default_factory=list)
    """All that the analysis said."""
    late: int = 0
    """At how many points it did not come to its decision in time."""
    stopped: bool = False
    """Whether the analysis ended the scan."""
    moved_to: dict[str, float] = field(default_factory=dict)
    """Where the motors were moved in the end, by name, as the analysis said."""


def steered_scan(
    detectors: Sequence[Any],
    *args: Any,
    live: LiveAnalysis,
    time_limit: float = 5.0,
    when_late: Literal["go_on", "stop", "fail"] = "go_on",
    ready_within: float = 10.0,
    most_points: int | None = None,
    md: Mapping[str, Any] | None = None,
) -> Generator[Msg, Any, Steered]:
    """A scan over lists of points that the analysis steers: ``steered_scan([det], motor1, [1, 2, 3], motor2, [4, 5, 6], live=live)``.

    After each point it may say ``stop``: no more points, and where a position comes with it, the motors are moved there when the run is
    closed; ``next_position``: the next point is there, before those of the lists; ``repeat``: the next point is where this one was.
    A position is a number, for a scan of one motor, or numbers by names of motors: the payload, or what it has as ``position``.

    The run is opened when the pipeline is ready, for which it has ``ready_within`` seconds; after each point the analysis has
    ``time_limit`` seconds. When either is over the scan goes on, or with ``when_late="stop"`` ends, or with ``"fail"`` raises TimedOut; it
    does not begin with these two unless the pipeline is ready. It takes at most ``most_points``, by default ten times as many as are in
    the lists. Raises UsageError.
    """
    check_choice(when_late, ("go_on", "stop", "fail"))
    motors = list(args[::2])
    points = _points_of(motors, args)
    steering = _Steering(motors, deque(points), live, time_limit, when_late)
    most = MOST_POINTS_FACTOR * len(points) if most_points is None else most_points
    told = {
        "plan_name": "steered_scan",
        "detectors": [one.name for one in detectors],
        "motors": [one.name for one in motors],
        "hints": {"dimensions": [([one.name for one in motors], "primary")]},
        **(md or {}),
    }

    def scan() -> Generator[Msg, Any, None]:
        while steering.waiting and not steering.is_over:
            if steering.went.points >= most:
                logger.warning("the scan ends with its point %d; most_points=... allows more", most)
                break
            yield from steering.move(steering.waiting.popleft())
            yield from bps.trigger_and_read([*detectors, *motors])
            yield from steering.listen()

    run = bpp.run_wrapper(scan(), md=told)
    yield from live_analysis_wrapper(
        bpp.stage_wrapper(run, [*detectors, *motors]),
        live,
        time_limit=ready_within,
        when_late="go_on" if when_late == "go_on" else "fail",
    )
    yield from steering.move_in_the_end()
    return steering.went


class _Steering:
    """What a scan does with what the analysis says."""

    def __init__(
        self, motors: list[Any], waiting: deque[Point], live: LiveAnalysis, time_limit: float, when_late: str
    ) -> None:
        self.waiting = waiting
        """The points that are still to be taken."""
        self.is_over = False
        """Whether no more points are to be taken."""
        self.went = Steered()
        self._motors = motors
        self._names = [motor.name for motor in motors]
        self._live = live
        self._time_limit = self._patience = time_limit
        self._when_late = when_late
        self._at: Point = {}

    def move(self, point: Point) -> Generator[Msg, Any, None]:
        """Go to a point."""
        self._at = {**self._at, **point}
        yield from bps.checkpoint()
        yield from bps.mv(*[word for motor in self._motors for word in (motor, self._at[motor.name])])

    def listen(self) -> Generator[Msg, Any, None]:
        """Hear what the analysis says to the point that was taken."""
        self.went.points += 1
        wanted: list[Point] = []
        try:
            while (one := (yield from self._next())) is not None:
                self.went.heard.append(one)
                wanted += self._wanted(one)
        except TimedOut:
            self.went.late += 1
            self._patience = min(self._time_limit, IMPATIENT_SECONDS)
            if self._when_late == "fail":
                raise
            self.is_over = self.is_over or self._when_late == "stop"
        else:
            self._patience = self._time_limit
        self.waiting.extendleft(reversed(wanted))

    def _next(self) -> Generator[Msg, Any, Feedback | None]:
        return (yield from next_feedback(self._live, time_limit=self._patience, when_late="fail"))

    def _wanted(self, said: Feedback) -> list[Point]:
        """The points that are to be taken next."""
        match said.kind:
            case "stop":
                self.is_over = self.went.stopped = True
                self.went.moved_to = position_of(said, self._names) or {}
            case "repeat":
                return [self._at]
            case "next_position":
                if (point := position_of(said, self._names)) is not None:
                    return [point]
                logger.warning(
                    "the analysis asks for a next position that says nothing of %s: %s",
                    self._names,
                    said.payload,
                )
            case "warning":
                logger.warning("the analysis: %s", said.payload)
        return []

    def move_in_the_end(self) -> Generator[Msg, Any, None]:
        """Go where the analysis said, if it did."""
        if self.went.moved_to:
            yield from self.move(self.went.moved_to)


def position_of(said: Feedback, names: Sequence[str]) -> Point | None:
    """Where the motors of these names are to be, those that are not named staying where they are; None where nothing is said of that."""
    return positions_of(said.payload, names) or None


def _points_of(motors: list[Any], args: Sequence[Any]) -> list[Point]:
    given = args[1::2]
    if not motors or len(motors) != len(given) or not all(hasattr(motor, "set") for motor in motors):
        raise UsageError(
            "a steered scan has motors and lists of points by turns, such as steered_scan([det], motor, [1, 2, 3], live=live)"
        )
    lists = [list(points) for points in given]
    if len({len(points) for points in lists}) != 1:
        raise UsageError(
            f"the lists of points have {', '.join(str(len(points)) for points in lists)} points; all motors of a scan have as many"
        )
    if not lists[0]:
        raise UsageError("the scan has no points; give each motor a list of them")
    return [
        {motor.name: float(value) for motor, value in zip(motors, values, strict=True)}
        for values in zip(*lists, strict=True)
    ]

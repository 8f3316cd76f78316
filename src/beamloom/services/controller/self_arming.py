"""Runs that devices ask for: a series has begun on a stream while no run was armed.

Policy: people go first. A device never ends a run that goes on, nor an arming that is under way: it waits until the controller is free. A
run that cannot be armed is tried again every second, and at once when a process has come, for as long as the series waits; the reason is
logged when it changes, and shown until a run is armed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from beamloom.detectors.geometry import Detector
from beamloom.services.controller.arming import ArmingRefused
from beamloom.triggermap import TriggerMap, TriggerMapError, open_ended

logger = logging.getLogger(__name__)

TRY_EVERY = 1.0
"""Seconds between attempts to arm a run that was refused."""

Arm = Callable[[TriggerMap, Callable[[str | Exception], None], float], None]
"""Arms a map at a time; calls the second argument once, with the run's id or with the refusal."""


class SelfArming:
    """The series that wait for a run, and when to try to arm one for them."""

    def __init__(
        self,
        map_file: str | None = None,
        streams: Collection[str] = (),
        detectors: Mapping[str, Detector] | None = None,
    ) -> None:
        """``map_file``: the trigger map of such runs; else ``streams``, none of them meaning all that are there."""
        self.problem: str | None = None
        """Why no run could be armed for them."""
        self._map_file = map_file
        self._streams = tuple(streams)
        self._detectors = detectors or {}
        self._waiting: dict[str, str] = {}
        self._next_attempt = 0.0
        self._now = 0.0

    @property
    def waiting(self) -> list[str]:
        """The streams on which a series waits."""
        return list(self._waiting)

    def announced(self, peer: str, stream: str) -> None:
        """The ingester ``peer`` says that a series of ``stream`` waits."""
        self._waiting[stream] = peer

    def forget(self, peer: str) -> None:
        """An ingester is gone, with what it kept."""
        self._waiting = {stream: other for stream, other in self._waiting.items() if other != peer}
        self._settle()

    def armed(self, streams: Collection[str]) -> None:
        """A run is armed, whoever asked for it: it takes what waits on its streams."""
        self._waiting = {stream: peer for stream, peer in self._waiting.items() if stream not in streams}
        self._settle()

    def _settle(self) -> None:
        if not self._waiting:
            self.problem = None

    def refused(self, reason: str, now: float) -> None:
        """No run could be armed."""
        self._next_attempt = now + TRY_EVERY
        if self._waiting and reason != self.problem:
            self.problem = reason
            logger.warning(
                "a series waits on %s, and no run is armed for it: %s; tried again every %g s",
                self._named(),
                reason,
                TRY_EVERY,
            )

    def hurry(self) -> None:
        """Something has changed: an attempt may be made at once."""
        self._next_attempt = 0.0

    def turn(self, there: Collection[str], arm: Arm, now: float, *, free: bool) -> None:
        """Begin the run that a device asks for, when nobody else has one; ``there``: the streams that can be had."""
        self._now = now
        if not free or not self._waiting or now < self._next_attempt:
            return
        waiting = self._named()

        def reply(outcome: str | Exception) -> None:
            if isinstance(outcome, Exception):
                self.refused(str(outcome), self._now)
            else:
                logger.info("run %s was armed by a series on %s", outcome, waiting)

        try:
            trigger_map = self.trigger_map(there)
        except (ArmingRefused, TriggerMapError) as refusal:
            self.refused(str(refusal), now)
            return
        arm(trigger_map, reply, now)

    def trigger_map(self, there: Collection[str]) -> TriggerMap:
        """The map to arm, where the streams ``there`` can be had. Raises ArmingRefused or TriggerMapError."""
        if self._map_file is not None:
            try:
                trigger_map = TriggerMap.from_json(Path(self._map_file).read_bytes())
            except OSError as error:
                raise ArmingRefused(
                    f"the arming map {self._map_file} cannot be read ({error}); mend it, or name another one"
                ) from None
        else:
            trigger_map = open_ended(self._streams or tuple(there))
        named = set(trigger_map.streams)
        named |= {
            tile.stream for name in named & set(self._detectors) for tile in self._detectors[name].tiles
        }
        strangers = [stream for stream in self._waiting if stream not in named]
        if strangers:
            raise ArmingRefused(
                f"the stream {strangers[0]!r} says 'arms: true', but has no place in the runs that devices arm, which have "
                f"{', '.join(trigger_map.streams)}; add it there, or leave out 'arms'"
            )
        return trigger_map

    def _named(self) -> str:
        return "stream " + ", ".join(map(repr, self._waiting))

    def view(self) -> dict[str, Any]:
        """What people are told: the streams on which a series waits for a run, and what is in the way."""
        return {"waiting": self.waiting, "problem": self.problem}

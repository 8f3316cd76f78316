"""What an ingester keeps open from its start on, whether or not a run is armed: ports that devices send to, devices that arm runs.

What cannot be opened, a port that is taken above all, is the fault of the ingester: it takes part, says so, the runs that want its streams
are refused, and it tries again every second, so that whoever frees the port need not start anything again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import msgspec

from beamloom.devices.device import Prepared
from beamloom.devices.registry import UnknownDevice, find_device
from beamloom.services.ingester.device_faults import sentence_of
from beamloom.settings import StreamSettings

logger = logging.getLogger(__name__)

TRY_EVERY = 1.0
"""Seconds between attempts to open what could not be opened."""

PrepareStream = Callable[[StreamSettings], Prepared | None]
"""Opens what the device of a stream keeps open between runs; None when it needs nothing."""

Opening = tuple[str, Callable[[], Prepared | None]]
"""A stream, and what opens something for it."""


def prepare_device(settings: StreamSettings) -> Prepared | None:
    """By the device's own hook. A device that is not installed has none here: arming names it."""
    try:
        device = find_device(settings.device)
    except UnknownDevice:
        return None
    if device.prepare is None:
        return None
    return device.prepare(msgspec.convert(settings.options, device.settings))


class Preparation:
    """Opens what the streams of one ingester need between runs, and keeps it open."""

    def __init__(self, openings: Iterable[Opening]) -> None:
        """Opens nothing yet; ``turn`` does, in this order."""
        self.fault: str | None = None
        """What could not be opened, with the names of the streams; None when all is open."""
        self._missing = list(openings)
        self._prepared: list[Prepared] = []
        self._next_attempt: float | None = None

    def turn(self, now: float) -> bool:
        """Open what is not open yet, when it is time to; returns whether ``fault`` has changed by that."""
        if not self._missing or (self._next_attempt is not None and now < self._next_attempt):
            return False
        before, self._next_attempt = self.fault, now + TRY_EVERY
        problems: list[str] = []
        missing: list[Opening] = []
        for stream, opening in self._missing:
            try:
                prepared = opening()
            # A device may be another package's.
            except Exception as error:
                sentence = sentence_of(error, stream, told=before)
                named = f"stream {stream!r}: "
                problems.append(named + sentence.removeprefix(named))
                missing.append((stream, opening))
            else:
                self._prepared += [] if prepared is None else [prepared]
        self._missing = missing
        self.fault = "; ".join(dict.fromkeys(problems)) or None
        return self.fault != before

    def close(self) -> None:
        """Release everything. May be called twice."""
        for prepared in reversed(self._prepared):
            try:
                prepared.close()
            except Exception:
                logger.exception("what a device had open between runs could not be released in order")
        self._prepared.clear()
        self._missing.clear()

"""The generator in the process of its ingester, as a source of packets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from beamloom.devices.device import FrameRoom
from beamloom.devices.generator.arrivals import Arrival, arrivals
from beamloom.devices.generator.items import GeneratorSettings
from beamloom.devices.generator.packets import GeneratorReader
from beamloom.devices.sources.timer import Timer
from beamloom.events import Bearing, Malformed, Packet
from beamloom.native import LARGE_FRAME

HERE: Final = "generator:"
"""The address of packets that are made in this process."""


class GeneratorSource:
    """The packets of one run, made when they are due and read; nothing is lost by reading late."""

    def __init__(self, settings: GeneratorSettings) -> None:
        self._settings = settings
        self._items: int | None = settings.items or None
        self._timer: Timer | None = None
        self._reader = GeneratorReader()
        self._coming: Iterator[Arrival] | None = None
        self._next: Arrival | None = None
        self._begun = 0.0
        self._first = 0
        self._memory: FrameRoom | None = None
        self._wait: float | None = 0.0

    @property
    def bearing(self) -> Bearing | None:
        """As of a RereadableSource: items are counted from the first that is made."""
        return None if self._coming is None else {}

    def reread(self, bearing: Bearing | None, first: int) -> None:
        """As of a RereadableSource; at a set rate the items follow from now on."""
        self._first = max(0, first - 1)

    def write_to(self, memory: FrameRoom) -> None:
        """Large arrays go there."""
        self._memory = memory

    def expect(self, items: int | None) -> None:
        """The run has so many packets of this stream, START and END among them; None: any number. The setting ``items`` goes before."""
        if not self._settings.items:
            self._items = None if items is None else max(items - 2, 0)

    def open(self) -> None:
        """Make ready; the series begins when it is first read. Raises ValueError for an address that is neither here nor elsewhere."""
        if self._settings.url != HERE:
            raise ValueError(
                f"{self._settings.url!r} is no address of a generator; write {HERE} for packets that are made here, "
                "or tcp://host.example.org:9999 for those of another process"
            )
        if self._timer is None:
            self._timer = Timer()
            self._timer.set(0)

    def connected(self) -> bool:
        """Whether it is open."""
        return self._timer is not None

    def connection_problem(self) -> str | None:
        """None once it is open."""
        return None if self._timer is not None else "the generator is not open; call open() first"

    @property
    def pollable(self) -> int:
        """A file descriptor. Raises RuntimeError before ``open`` and after ``close``."""
        return self._open_timer().fd

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """At most ``limit`` items of those that are due; empty when none is. Never waits."""
        timer, now = self._open_timer(), time.monotonic()
        if self._coming is None:
            self._begun = now - (self._first / self._settings.rate if self._settings.rate else 0.0)
            self._coming = arrivals(self._settings, self._items, self._first)
            self._next = next(self._coming)
        items: list[Packet | Malformed] = []
        take = self._reader.take
        while self._next is not None and len(items) < limit and self._due(self._next) <= now:
            take([self._placed(frame) for frame in self._next.frames], items)
            self._next = next(self._coming, None)
        wait = None if self._next is None else max(0.0, self._due(self._next) - now)
        if wait != 0.0 or self._wait != 0.0:
            timer.set(wait)
        self._wait = wait
        return items

    def _placed(self, frame: Any) -> Any:
        """An array in the memory that workers read, where it is large and there is room."""
        if (
            self._memory is None
            or len(frame) < LARGE_FRAME
            or (room := self._memory.take(len(frame))) is None
        ):
            return frame
        room[:] = frame
        return room.toreadonly()

    def close(self) -> None:
        """Forget the series. May be called twice."""
        if self._timer is not None:
            self._timer.close()
        self._timer = self._coming = self._next = None

    def _open_timer(self) -> Timer:
        if self._timer is None:
            raise RuntimeError("the generator is not open; call open() first")
        return self._timer

    def _due(self, arrival: Arrival) -> float:
        after = arrival.item / self._settings.rate if self._settings.rate else 0.0
        return self._begun + after + arrival.stalled

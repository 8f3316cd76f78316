"""Frames of hits on their way to the programs that ask for them, and to files; they travel only where one or the other is wanted."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np

from beamloom import Sum
from beamloom.apps.crystallography.peaks.found import Peaks
from beamloom.apps.crystallography.streaming import FrameInfo

Array = np.ndarray[Any, np.dtype[Any]]


@dataclasses.dataclass(frozen=True)
class HitFrame:
    """One hit: pixels and peaks as they are streamed or stored, and what is said of them."""

    event: int
    pixels: Array
    """(ss, fs); or, of a hit that is stored, the bytes of its chunk."""
    peaks: Peaks
    info: FrameInfo
    kind: tuple[str, int, int] | None = None
    """Of a chunk: type of the pixels, and their number along ss and fs."""


class HitFrames:
    """The hits of some events. ``take`` empties it, so that it does not grow with the run."""

    def __init__(self) -> None:
        self._events = Sum()
        self._hits: dict[int, HitFrame] = {}

    def add(
        self,
        event: int,
        pixels: Array,
        peaks: Peaks,
        info: FrameInfo,
        kind: tuple[str, int, int] | None = None,
    ) -> Self:
        """A hit; the pixels are copied, as the memory that they came in is needed for others."""
        self._hits[event] = HitFrame(event, np.array(pixels), peaks, info, kind)
        self._events.add(event, 1)
        return self

    def take(self) -> list[HitFrame]:
        """All hits, in the order of their events; they are no longer here then."""
        hits, self._hits = self._hits, {}
        return [hits[event] for event in sorted(hits)]

    def check(self, other: Self) -> None:
        """Raises TypeError where ``other`` cannot be merged into this."""
        if type(other) is not type(self):
            raise TypeError(f"HitFrames do not merge with a {type(other).__name__}")

    def merge(self, other: Self) -> Self:
        """Take the hits of ``other``."""
        self.check(other)
        self._hits |= other._hits
        self._events.merge(other._events)
        return self

    @property
    def coverage(self) -> Any:
        """The events that came in."""
        return self._events.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._events.version

    def snapshot(self) -> dict[str, Any]:
        """How many hits came in."""
        return self._events.snapshot()

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {
            "events": self._events,
            "hits": [
                {
                    "event": hit.event,
                    "pixels": hit.pixels,
                    "peaks": hit.peaks._asdict(),
                    "info": dataclasses.asdict(hit.info),
                    "kind": hit.kind,
                }
                for hit in self._hits.values()
            ],
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls()
        made._events = state["events"]
        for hit in state["hits"]:
            kind = hit["kind"]
            made._hits[hit["event"]] = HitFrame(
                hit["event"],
                hit["pixels"],
                Peaks(**hit["peaks"]),
                FrameInfo(**hit["info"]),
                None if kind is None else tuple(kind),
            )
        return made

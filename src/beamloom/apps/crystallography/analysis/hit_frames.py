"""Frames of hits on their way to the programs that ask for them, and to files; they travel only where one or the other is wanted."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np

from beamloom.apps.crystallography.analysis.by_event import ByEvent
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


class HitFrames(ByEvent[HitFrame]):
    """The hits of some events, and how many they are."""

    def add(
        self,
        event: int,
        pixels: Array,
        peaks: Peaks,
        info: FrameInfo,
        kind: tuple[str, int, int] | None = None,
    ) -> Self:
        """A hit; the pixels are copied, as the memory that they came in is needed for others."""
        return self._keep(event, HitFrame(event, np.array(pixels), peaks, info, kind), 1)

    def take(self) -> list[HitFrame]:
        """All hits, in the order of their events; they are no longer here then."""
        hits = self._take()
        return [hits[event] for event in sorted(hits)]

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
                for hit in self._kept.values()
            ],
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls()
        made._events = state["events"]
        for hit in state["hits"]:
            kind = hit["kind"]
            made._kept[hit["event"]] = HitFrame(
                hit["event"],
                hit["pixels"],
                Peaks(**hit["peaks"]),
                FrameInfo(**hit["info"]),
                None if kind is None else tuple(kind),
            )
        return made

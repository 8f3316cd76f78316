"""The pixels of the hits that are not settled yet, in memory as they came, or on disk as the message that they become."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beamloom.apps.crystallography.streaming.hitmessage import FrameInfo, PeakList, hit_message
from beamloom.apps.crystallography.streaming.settings import Pixels
from beamloom.apps.crystallography.streaming.spilled import SpilledHits


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """A frame as the analysis offers it."""

    pixels: npt.NDArray[Any]
    peaks: PeakList
    info: FrameInfo

    @property
    def size(self) -> int:
        """What it takes in memory, in bytes."""
        return self.pixels.nbytes + 48 * len(self.peaks.fs) + 512

    def alone(self) -> Frame:
        """The same frame, that keeps nothing else in memory, as the batch of results that it came with."""
        if _memory_behind(self.pixels) <= 1.25 * self.pixels.nbytes:
            return self
        return dataclasses.replace(self, pixels=self.pixels.copy())


class HeldHits:
    """Hits by what tells them apart. Messages are made when they are sent, so that hits that nobody wants cost nothing."""

    def __init__(self, pixels: Pixels, folder: Path | None) -> None:
        self._pixels = pixels
        self._frames: dict[Hashable, Frame] = {}
        self._spilled = SpilledHits(folder) if folder is not None else None

    def keep(self, hit: Hashable, frame: Frame) -> None:
        """A new hit, in memory."""
        self._frames[hit] = frame.alone()

    def message(self, hit: Hashable) -> memoryview:
        """The message of a hit. Raises OSError if it cannot be read from disk."""
        if hit in self._frames:
            return self._message(self._frames[hit])
        if self._spilled is None:
            raise FileNotFoundError(f"no pixels are kept of {hit}")
        return self._spilled.read(hit)

    def spill(self, hit: Hashable) -> None:
        """Move a hit from memory to disk. Raises OSError if it cannot be written; then it is nowhere."""
        frame = self._frames.pop(hit)
        if self._spilled is None:
            raise FileNotFoundError("there is no folder for hits on disk")
        self._spilled.write(hit, self._message(frame))

    def forget(self, hit: Hashable) -> None:
        """Forget the pixels of a hit."""
        self._frames.pop(hit, None)
        if self._spilled is not None:
            self._spilled.forget(hit)

    def close(self) -> None:
        """Forget all, and remove what is on disk."""
        self._frames.clear()
        if self._spilled is not None:
            self._spilled.close()

    def _message(self, frame: Frame) -> memoryview:
        return hit_message(frame.pixels, frame.peaks, frame.info, self._pixels)


def _memory_behind(pixels: npt.NDArray[Any]) -> int:
    owner: Any = pixels
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    if isinstance(owner, np.ndarray):
        return owner.nbytes
    try:
        # What is behind a view of bytes is more than the view shows.
        return memoryview(owner.obj if isinstance(owner, memoryview) else owner).nbytes
    except TypeError:
        return 1 << 62

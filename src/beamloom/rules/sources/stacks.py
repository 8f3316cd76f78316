"""Series in one file that is complete: a TIFF stack, an ``.npy`` array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beamloom.rules.arrays import Array
from beamloom.rules.sources.images import read_image


class ImageStack:
    """An ``.npy`` or TIFF file of (frames, y, x); it is read once as a whole."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._frames: Array | None = None

    def closed(self) -> bool:
        """Always."""
        return True

    def count(self) -> int:
        """Raises OSError."""
        return len(self._all())

    def read(self, start: int, stop: int) -> Array:
        """(frames, y, x). Raises OSError."""
        return self._all()[start:stop]

    def metadata(self) -> dict[str, Any]:
        """Nothing is known of it."""
        return {}

    def close(self) -> None:
        """Nothing stays open."""

    def _all(self) -> Array:
        if self._frames is None:
            frames = read_image(self._path)
            self._frames = frames if frames.ndim > 2 else frames[None]
        return self._frames

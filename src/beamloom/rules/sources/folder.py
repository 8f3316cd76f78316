"""A folder with one file for each frame: ``.npy``, ``.tif`` or ``.tiff``, in the order of the numbers in their names.

A folder grows while files come. It is closed when the file that ends it is there (``events.json`` or ``closed.json``, or whatever ``end``
names); without ``growing`` it is closed as it is. The number in the name counts, never the time of the file: a gap is waited for, and is
an error in a closed folder, as frames after it would otherwise be taken for others. While a folder grows, only files
that are whole count.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import numpy as np

from beamloom.rules.arrays import Array
from beamloom.rules.sources.images import is_whole, read_image

ENDS: Final = ("closed.json", "events.json")
KINDS: Final = (".npy", ".tif", ".tiff")
NUMBER: Final = re.compile(r"(\d+)\D*$")


class Folder:
    """See the module."""

    def __init__(self, path: str, growing: bool = False, end: str = "") -> None:
        self._folder = Path(path)
        self._growing = growing
        self._ends = (end,) if end else ENDS
        self._files: list[Path] = []
        self._known = 0
        """So many files were seen to be whole."""
        self._first: int | None = None
        """The number of the first frame, once there is one."""

    def closed(self) -> bool:
        """The file that ends the series is there."""
        return not self._growing or any((self._folder / end).exists() for end in self._ends)

    def count(self) -> int:
        """Frames without a gap before them.

        Raises OSError for a gap in a closed folder, and for one that began with another number when it was first counted.
        """
        closed = self.closed()
        numbered = self._numbered()
        first = min(numbered, default=0)
        if numbered and self._first is not None and first < self._first:
            raise OSError(
                f"{self._folder} began with the number {self._first}, and has the number {first} now; frames were taken for others: "
                "cancel the rule, and push it again"
            )
        there = 0
        while first + there in numbered and (closed or self._is_whole(numbered[first + there], there)):
            there += 1
        if closed and there < len(numbered):
            raise OSError(
                f"{self._folder} has {len(numbered)} frames, but none with the number {first + there}; "
                "put it there, or number the files again without a gap"
            )
        if there and self._first is None:
            self._first = first
        self._files = [numbered[first + index] for index in range(there)]
        return there

    def read(self, start: int, stop: int) -> Array:
        """(frames, y, x). Raises OSError."""
        if len(self._files) < stop:
            self.count()
        return np.stack([read_image(path) for path in self._files[start:stop]])

    def metadata(self) -> dict[str, Any]:
        """Nothing is known of it."""
        return {}

    def close(self) -> None:
        """Nothing stays open."""

    def _is_whole(self, path: Path, place: int) -> bool:
        if place >= self._known and is_whole(path):
            self._known = place + 1
        return place < self._known

    def _numbered(self) -> dict[int, Path]:
        """Raises OSError where two files have one number."""
        found: dict[int, Path] = {}
        if not self._folder.is_dir():
            return found
        for path in self._folder.iterdir():
            number = NUMBER.search(path.stem)
            if path.suffix.lower() in KINDS and not path.name.startswith(".") and number:
                other = found.setdefault(int(number[1]), path)
                if other != path:
                    raise OSError(
                        f"{other.name} and {path.name} in {self._folder} have the same number; keep one of them"
                    )
        return found

"""A dataset (frames, y, x) of an HDF5 file, also while somebody writes it, and one that is not there yet.

A writer that lets others read along (SWMR) is read along with; the frames of any other are read when it lets go of the file, which it may
do after each frame. A frame counts when it was written, and not when the dataset was only made longer. The series has ended

- when the file ``end`` is there, where one is named;
- or when an entry says its ``end_time``, as NeXus has it; a file whose ``end_time`` is empty goes on;
- or else when nobody has the file open for writing, and it has not changed for ``quiet`` seconds.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from beamloom.devices.file_reading.locks import is_locked
from beamloom.devices.hdf5.layout import has_ended
from beamloom.devices.hdf5.stack import Stack, open_file, size_and_time
from beamloom.rules.arrays import Array
from beamloom.rules.errors import RuleRefused
from beamloom.rules.needs import need

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
WRITTEN: Final = 0x05
"""Flags of the superblock from its version 3 on: a writer has the file open, or one that lets others read along."""
PATIENCE: Final = 30.0
"""Seconds that a writer may hold a file while frames of it are to be read."""
PAUSE: Final = 0.02


class Hdf5Stack:
    """Without a name, the only dataset of three axes."""

    def __init__(self, path: str, dataset: str = "", end: str = "", quiet: float = 2.0) -> None:
        """``end`` is the name of a file in the same folder."""
        need("h5py", "HDF5 files")
        self._path = Path(path)
        self._name = dataset
        self._end = self._path.parent / end if end else None
        self._quiet = quiet
        self._stack: Stack | None = None
        self._whole = False
        """Seen to be closed: nothing has to be looked for any more."""

    def closed(self) -> bool:
        """See the module. Raises OSError."""
        if self._whole or not self._path.exists():
            return self._whole
        self._whole = self._end.exists() if self._end is not None else self._has_ended()
        return self._whole

    def count(self) -> int:
        """Frames without one before them that is missing. Raises OSError, RuleRefused."""
        closed = self.closed()
        if not self._path.exists() or (not closed and self._is_held()):
            return 0 if self._stack is None else self._there(self._stack)
        stack = self._opened()
        if stack is None:
            return 0
        stack.refresh()
        return len(stack) if closed else self._there(stack)

    def read(self, start: int, stop: int) -> Array:
        """(frames, y, x). Raises OSError."""
        if self._stack is None or len(self._stack) < stop:
            self.count()
        if self._stack is None or len(self._stack) < stop:
            raise OSError(f"{self._path} has no frame {stop - 1} yet")
        if self._whole or self._stack.swmr:
            return np.asarray(self._stack.dataset[start:stop])
        return self._read_beside_a_writer(start, stop)

    def metadata(self) -> dict[str, Any]:
        """The attributes of the dataset that are numbers or texts. Raises OSError, RuleRefused."""
        self.count()
        if self._stack is None:
            return {}
        found = {
            name: getattr(value, "item", lambda value=value: value)()
            for name, value in self._stack.dataset.attrs.items()
        }
        return {name: value for name, value in found.items() if isinstance(value, str | int | float | bool)}

    def close(self) -> None:
        """Close the file."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None

    def _read_beside_a_writer(self, start: int, stop: int) -> Array:
        """What is read counts when nobody had the file, or changed it, meanwhile. Raises OSError."""
        until = time.monotonic() + PATIENCE
        while True:
            before = size_and_time(self._path)
            problem: Exception = OSError(f"{self._path} is held by its writer all the time")
            if not self._is_held():
                try:
                    stack = self._opened()
                    if stack is not None:
                        stack.refresh()
                        found = np.asarray(stack.dataset[start:stop])
                        if not self._is_held() and size_and_time(self._path) == before:
                            return found
                # HDF5 raises many kinds where a file changes below it.
                except (OSError, RuntimeError, KeyError, ValueError) as error:
                    self.close()
                    problem = error
            if time.monotonic() > until:
                raise OSError(f"{self._path} cannot be read beside its writer: {problem}") from problem
            time.sleep(PAUSE)

    def _there(self, stack: Stack) -> int:
        """Frames are written in their order: the last ones may be missing yet."""
        there = len(stack)
        while there and not stack.has(there - 1):
            there -= 1
        return there

    def _is_held(self) -> bool:
        """A writer has it for itself."""
        return not self._flags() and is_locked(self._path)

    def _flags(self) -> int:
        with self._path.open("rb") as file:
            head = file.read(12)
        return head[11] & WRITTEN if head.startswith(SIGNATURE) and len(head) == 12 and head[8] >= 3 else 0

    def _has_ended(self) -> bool:
        if self._is_held():
            return False
        try:
            file, _ = open_file(self._path)
        except OSError:
            if self._flags() or self._is_held():
                return False
            raise
        with file:
            if has_ended(file):
                return True
            told = any(f"{name}/end_time" in file for name in file)
        return not told and not self._flags() and time.time() - os.stat(self._path).st_mtime >= self._quiet

    def _opened(self) -> Stack | None:
        """None while a growing file does not have the dataset. Raises OSError, RuleRefused."""
        if self._stack is None:
            name = self._name or self._only()
            if not name:
                return None
            try:
                self._stack = Stack(self._path, name)
            except KeyError as error:
                if not self._whole:
                    return None
                raise RuleRefused(
                    f"{self._path} has no dataset {name!r}; 'beamloom inspect' shows what it has"
                ) from error
        return self._stack

    def _only(self) -> str:
        """The only dataset of three axes; empty where a growing file has none yet. Raises RuleRefused."""
        found: list[str] = []

        def look(name: str, node: Any) -> None:
            if getattr(node, "ndim", 0) == 3:
                found.append(name)

        file, _ = open_file(self._path)
        with file:
            file.visititems(look)
        if len(found) > 1 or (self._whole and not found):
            raise RuleRefused(
                f"{self._path} has {len(found)} datasets of three axes ({', '.join(found) or 'none'}); "
                "name one: dataset='/entry/data/data'"
            )
        return next(iter(found), "")

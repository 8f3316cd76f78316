"""The place of a run in a file that readers follow."""

from __future__ import annotations

import contextlib
from pathlib import Path

from beamloom.results.files.compression import Compression
from beamloom.results.files.hdf5 import Hdf5Writer
from beamloom.results.files.place import tell_of_name
from beamloom.results.files.replacing import ReplacedFile
from beamloom.results.files.swmr import FollowedFile, SwmrWriter
from beamloom.results.tree import Group


class SwmrFile:
    """Versions are written into one file as long as it takes them; the last one is a file of its own in its place."""

    def __init__(self, wanted: Path, compression: Compression = "none") -> None:
        """``compression`` is that of the last version; what is written in place is not packed."""
        self._file = ReplacedFile(wanted)
        self._compression = compression
        self._followed: FollowedFile | None = None
        self.files = 0
        """How often a file was made."""
        self.left_out: dict[str, str] = {}

    @property
    def where(self) -> str:
        """The path of the file."""
        return str(self._file.path or self._file.wanted)

    def keep(self, tree: Group, *, last: bool = False) -> None:
        """Write what has changed, or a new file. Raises OSError."""
        if not last and self._followed is not None and self._followed.takes(tree):
            try:
                self._followed.write(tree)
            except BaseException:
                self.close()
                raise
            return
        self.close()
        writer = Hdf5Writer(self._compression) if last else SwmrWriter()
        before = self._file.path

        def follow(unfinished: Path) -> None:
            # What was left out is a text in the file, and what is to be written in place is not there.
            if not last and not writer.left_out:
                self._followed = FollowedFile(unfinished, tree)

        try:
            path = self._file.replace(lambda raw: writer.write(raw, tree), follow)
        except BaseException:
            self.close()
            raise
        tell_of_name(before, path, self._file.wanted)
        self.files += 1
        self.left_out = writer.left_out

    def close(self) -> None:
        """Nobody writes to the file any more."""
        followed, self._followed = self._followed, None
        with contextlib.suppress(OSError):
            if followed is not None:
                followed.close()

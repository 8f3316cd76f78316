"""Where the results of one run are kept: a seam with one short protocol, and files of HDF5 and folders of Zarr."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

from beamloom.results.files.compression import Compression
from beamloom.results.files.exchanging import ExchangedFolder
from beamloom.results.files.replacing import ReplacedFile
from beamloom.results.files.zarr3 import ZarrWriter
from beamloom.results.tree import Group

logger = logging.getLogger(__name__)


class Place(Protocol):
    """Takes versions of a tree, each of which replaces the one before. Used by one thread."""

    @property
    def where(self) -> str:
        """As people find it."""

    @property
    def left_out(self) -> dict[str, str]:
        """What of the last version could not be kept, by path, and why."""

    def keep(self, tree: Group, *, last: bool = False) -> None:
        """Keep this version, the last one of its run or not, in whole or not at all. Raises OSError or UserError."""

    def close(self) -> None:
        """There will be no further version."""


class Hdf5File:
    """Each version is a whole HDF5 file that replaces the one before."""

    def __init__(self, wanted: Path, compression: Compression = "none") -> None:
        # Who writes no HDF5 needs no h5py.
        from beamloom.results.files.hdf5 import Hdf5Writer

        self._file = ReplacedFile(wanted)
        self._writer = Hdf5Writer(compression)

    @property
    def where(self) -> str:
        """The path of the file."""
        return str(self._file.path or self._file.wanted)

    @property
    def left_out(self) -> dict[str, str]:
        """What of the last version could not be kept."""
        return self._writer.left_out

    def keep(self, tree: Group, *, last: bool = False) -> None:
        """Write a file and let it take the place of the last one. Raises OSError."""
        before = self._file.path
        path = self._file.replace(lambda raw: self._writer.write(raw, tree, before))
        tell_of_name(before, path, self._file.wanted)

    def close(self) -> None:
        """Nothing is open between two versions."""


class ZarrFolder:
    """Each version is a whole group of Zarr 3 that replaces the one before."""

    def __init__(self, wanted: Path, compression: Compression = "none") -> None:
        self._folder = ExchangedFolder(wanted)
        self._writer = ZarrWriter(compression)

    @property
    def where(self) -> str:
        """The path of the folder."""
        return str(self._folder.path or self._folder.wanted)

    @property
    def left_out(self) -> dict[str, str]:
        """What of the last version could not be kept."""
        return self._writer.left_out

    def keep(self, tree: Group, *, last: bool = False) -> None:
        """Write a folder and let it take the place of the last one. Raises OSError."""
        before = self._folder.path
        path = self._folder.replace(lambda folder: self._writer.write(folder, tree, before))
        tell_of_name(before, path, self._folder.wanted)

    def close(self) -> None:
        """Nothing is open between two versions."""


def tell_of_name(before: Path | None, path: Path, wanted: Path) -> None:
    """Say so where a run could not have the name that was wanted."""
    if path not in (before, wanted):
        logger.warning("%s is there already and is left as it is; this run is saved as %s", wanted, path)

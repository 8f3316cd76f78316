"""Series in one file that is complete: an HDF5 dataset, a TIFF stack, an ``.npy`` array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beamloom.rules.arrays import Array
from beamloom.rules.errors import RuleRefused
from beamloom.rules.needs import need
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


class Hdf5Stack:
    """A dataset (frames, y, x) of an HDF5 file; without a name, the only dataset of three axes."""

    def __init__(self, path: str, dataset: str = "") -> None:
        self._path = path
        self._name = dataset
        self._file: Any = None

    def closed(self) -> bool:
        """Always."""
        return True

    def count(self) -> int:
        """Raises OSError, RuleRefused."""
        return len(self._dataset())

    def read(self, start: int, stop: int) -> Array:
        """(frames, y, x). Raises OSError."""
        found: Array = self._dataset()[start:stop]
        return found

    def metadata(self) -> dict[str, Any]:
        """The attributes of the dataset that are numbers or texts."""
        found = {
            name: getattr(value, "item", lambda value=value: value)()
            for name, value in self._dataset().attrs.items()
        }
        return {name: value for name, value in found.items() if isinstance(value, str | int | float | bool)}

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _dataset(self) -> Any:
        if self._file is None:
            self._file = need("h5py", "HDF5 files").File(self._path, "r")
        if not self._name:
            self._name = self._only()
        if self._name not in self._file:
            raise RuleRefused(
                f"{self._path} has no dataset {self._name!r}; 'beamloom inspect' shows what it has"
            )
        return self._file[self._name]

    def _only(self) -> str:
        found: list[str] = []

        def look(name: str, node: Any) -> None:
            if getattr(node, "ndim", 0) == 3:
                found.append(name)

        self._file.visititems(look)
        if len(found) != 1:
            raise RuleRefused(
                f"{self._path} has {len(found)} datasets of three axes ({', '.join(found) or 'none'}); "
                "name one: dataset='/entry/data/data'"
            )
        return found[0]

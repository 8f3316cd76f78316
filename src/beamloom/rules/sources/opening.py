"""From a description or a path to a source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from beamloom.rules.errors import RuleRefused, closest
from beamloom.rules.places import ANYWHERE, check
from beamloom.rules.sources.folder import Folder
from beamloom.rules.sources.hdf5 import Hdf5Stack
from beamloom.rules.sources.numbers import Numbers
from beamloom.rules.sources.recording import SUFFIXES as RECORDINGS
from beamloom.rules.sources.recording import Recording
from beamloom.rules.sources.source import Source
from beamloom.rules.sources.spool import HEADER, Spool
from beamloom.rules.sources.stacks import ImageStack

KINDS: Final[dict[str, Callable[..., Source]]] = {
    "folder": Folder,
    "hdf5": Hdf5Stack,
    "images": ImageStack,
    "numbers": Numbers,
    "recording": Recording,
    "spool": Spool,
}
HDF5: Final = (".h5", ".hdf5", ".hdf", ".nxs")
IMAGES: Final = (".npy", ".tif", ".tiff")


def open_source(description: Mapping[str, Any], below: Sequence[str] = ANYWHERE) -> Source:
    """The source that is described. Raises RuleRefused where there is no such kind, or where what it needs is missing.

    ``below``: the folders that it has to be in; none: anywhere.
    """
    given = dict(description)
    kind = given.pop("kind", "")
    if kind not in KINDS:
        raise RuleRefused(
            f"there is no source {kind!r}{closest(kind, KINDS)}; there are: {', '.join(sorted(KINDS))}"
        )
    if "path" in given:
        check(given["path"], below)
    try:
        return KINDS[kind](**given)
    except TypeError as error:
        raise RuleRefused(f"a source {kind!r} cannot be described by {given}: {error}") from error


def describe(
    series: str | Path | int | Mapping[str, Any], dataset: str = "", stream: str = ""
) -> dict[str, Any]:
    """The description of a series as people name it: a path, a number of items, or the description itself.

    A folder, or a path without a suffix that is not there yet, is a spool if it has a ``series.json`` or nothing yet, and else a folder of
    frames that may grow. ``stream``: of a recording. Raises RuleRefused for a description that no source takes.
    """
    if isinstance(series, Mapping):
        open_source(series).close()
        return {key: _absolute(str(value)) if key == "path" else value for key, value in series.items()}
    if isinstance(series, int):
        return {"kind": "numbers", "count": series}
    path = Path(series).absolute()
    suffix = path.suffix.lower()
    if stream or path.name.endswith(RECORDINGS):
        return {"kind": "recording", "path": str(path), "stream": stream}
    if suffix in HDF5:
        return {"kind": "hdf5", "path": str(path), "dataset": dataset}
    if suffix in IMAGES:
        return {"kind": "images", "path": str(path)}
    if suffix == ".pcs" or (path.is_dir() and not (path / HEADER).exists() and any(path.iterdir())):
        return {"kind": "folder", "path": str(path), "growing": True}
    return {"kind": "spool", "path": str(path)}


def _absolute(path: str) -> str:
    """A slash at the end says that it is a folder, also of one that is not there yet."""
    return f"{Path(path).absolute()}{'/' * path.endswith('/')}"

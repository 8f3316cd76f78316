"""From files to what modules take.

A table file (.h5r, .h5, .hdf5, .hdf, .parquet) brings its main table under the key of the input, and each of its tables as ``key_table``;
of the key ``input`` also as ``table`` alone. ``FitResults`` of PYME comes with the names that its users know: t, x, y, A, sig, error_x
and so on. ``FILE.cbors#STREAM`` is the stack of all frames of a stream of a recorded run. Everything else is an image: .tif, .npy.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from beamloom.apps.localization import read_table
from beamloom.rules.arrays import Array
from beamloom.rules.errors import RuleError
from beamloom.rules.needs import need
from beamloom.rules.recipes.values import Image, Table
from beamloom.rules.sources.images import read_image
from beamloom.rules.sources.recording import Recording, recorded

HDF5: Final = (".h5r", ".h5", ".hdf5", ".hdf")
ALIASES: Final = {"x0": "x", "y0": "y", "sigma": "sig"}


def load(inputs: Mapping[str, str]) -> dict[str, Table | Image]:
    """All that the files bring. Raises OSError, RuleError."""
    found: dict[str, Table | Image] = {}
    for key, path in inputs.items():
        series = recorded(path)
        found |= _load(key, Path(path)) if series is None else {key: _stack(series)}
    return found


def _load(key: str, path: Path) -> dict[str, Table | Image]:
    if not path.exists():
        raise FileNotFoundError(f"the input {key!r} is not there: {path}")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        rows, about = read_table(path)
        return {key: Table.of(rows, about)}
    if suffix in HDF5:
        return _tables(key, path)
    return {key: _image(path)}


def _tables(key: str, path: Path) -> dict[str, Table | Image]:
    with need("h5py", "HDF5 files").File(path, "r") as file:
        rows = {
            name: node[...]
            for name, node in file.items()
            if getattr(node, "dtype", None) is not None and node.dtype.names
        }
        about = (
            json.loads(file["localizations"].attrs.get("metadata", "{}")) if "localizations" in rows else {}
        )
    if not rows:
        raise RuleError(f"{path} has no table; give a file of localizations, or an image as .tif or .npy")
    tables = {
        name: Table.of(_flat(one) if name == "FitResults" else one, about) for name, one in rows.items()
    }
    main = next((name for name in ("localizations", "FitResults") if name in tables), next(iter(tables)))
    found: dict[str, Table | Image] = {key: tables[main]}
    found |= {f"{key}_{name}": table for name, table in tables.items()}
    if key == "input":
        found |= tables
    return found


def _flat(rows: Array) -> Array:
    """``FitResults`` with a column for each value, in the order of time."""
    columns: dict[str, Any] = {"t": rows["tIndex"]}
    for name in rows.dtype["fitResults"].names or ():
        columns[ALIASES.get(name, name)] = rows["fitResults"][name]
    for name in rows.dtype["fitError"].names or ():
        columns[f"error_{ALIASES.get(name, name)}"] = rows["fitError"][name]
    order = np.argsort(rows["tIndex"], kind="stable")
    return Table({name: column[order] for name, column in columns.items()}).structured()


def _stack(series: Recording) -> Image:
    return Image(series.read(0, series.count()), about=series.metadata())


def _image(path: Path) -> Image:
    about: dict[str, Any] = {}
    if path.suffix.lower() in (".tif", ".tiff"):
        with need("tifffile", "TIFF files").TiffFile(path) as file:
            described = file.pages[0].description
        # Other programs describe images in ways of their own.
        with contextlib.suppress(ValueError):
            about = json.loads(described) if described.startswith("{") else {}
    size = about.get("pixel_size")
    return Image(
        read_image(path),
        float(size) if isinstance(size, int | float) else 0.0,
        _place(about.get("origin")),
        about,
    )


def _place(value: Any) -> tuple[float, float]:
    if isinstance(value, list) and len(value) == 2 and all(isinstance(one, int | float) for one in value):
        return float(value[0]), float(value[1])
    return 0.0, 0.0

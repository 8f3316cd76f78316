"""Tables of localizations as files: HDF5, in the columns of an .h5r file as well, and Parquet.

Files are written under another name and renamed, so that nobody reads half of one, and writing one again replaces it. Any structured
table can be written, that of ``LOCALIZATION`` with the units of its columns. ``metadata`` is kept beside it: names with numbers, texts
and lists of them.

A .h5r file has ``FitResults``: ``tIndex``, ``fitResults`` and ``fitError`` with A, x0, y0, sigma, background, bx, by in nm and counts,
``resultCode``, ``slicesUsed``, ``subtractedBackground``, ``nchi2``. What did not converge has the error -5000 there.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from beamloom import UserError
from beamloom.apps.localization.settings import Camera, Settings
from beamloom.apps.localization.table import LOCALIZATION, MEANINGS, UNITS, Status

Array = np.ndarray[Any, np.dtype[Any]]
_FIT: Final = np.dtype([(name, "f4") for name in ("A", "x0", "y0", "sigma", "background", "bx", "by")])
_SLICE: Final = np.dtype([(name, "i4") for name in ("start", "stop", "step")])
H5R: Final = np.dtype(
    [
        ("tIndex", "i4"),
        ("fitResults", _FIT),
        ("fitError", _FIT),
        ("resultCode", "i4"),
        ("slicesUsed", np.dtype([(axis, _SLICE) for axis in "xyz"])),
        ("subtractedBackground", "f4"),
        ("nchi2", "f4"),
    ]
)
"""A row of ``FitResults``."""
_FAILED: Final = -5000.0


def write_table(
    path: str | Path,
    table: Array,
    metadata: Mapping[str, Any] | None = None,
    *,
    settings: Settings | None = None,
) -> Path:
    """Write ``table`` by the ending of ``path``: .h5, .hdf5, .h5r, or .parquet. Returns the path.

    ``settings`` are those that the table was made with; .h5r has counts and needs them, the others keep the camera in the metadata.
    Raises UserError for another ending, another table in .h5r, or where the library is missing.
    """
    path = Path(path)
    about = {**(camera_metadata(settings.camera) if settings else {}), **(metadata or {})}
    match path.suffix.lower():
        case ".h5" | ".hdf5":
            _whole(path, lambda there: _write_hdf5(there, table, about))
        case ".h5r":
            fits = as_h5r(table, settings)
            _whole(path, lambda there: _write_hdf5(there, table, about, fits))
        case ".parquet":
            _whole(path, lambda there: _write_parquet(there, table, about))
        case ending:
            raise UserError(
                f"{path.name}: tables are not written as {ending or 'a file without ending'!r}; use .h5, .h5r or .parquet"
            )
    return path


def read_table(path: str | Path) -> tuple[Array, dict[str, Any]]:
    """The table of a file that ``write_table`` wrote, and its metadata. Raises UserError for what is none."""
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        return _read_parquet(path)
    with _h5py().File(path, "r") as file:
        if "localizations" not in file:
            raise UserError(
                f"{path.name} has no table 'localizations'; give a file that was written by write_table"
            )
        dataset = file["localizations"]
        return dataset[...], json.loads(dataset.attrs["metadata"])


def as_h5r(table: Array, settings: Settings | None = None) -> Array:
    """The rows as ``FitResults`` of an .h5r file has them, of the type ``H5R``. Raises UserError for a table of another type."""
    if settings is None or table.dtype != LOCALIZATION:
        raise UserError(
            "an .h5r file takes localizations and the settings they were made with; use .h5 or .parquet for other tables"
        )
    camera = settings.camera
    rows = np.zeros(len(table), H5R)
    rows["tIndex"] = table["frame"]
    per_photon = camera.em_gain / camera.electrons_per_count
    area = 2 * math.pi * (table["sigma"].astype(np.float64) / camera.pixel_size) ** 2
    fits, errors = rows["fitResults"], rows["fitError"]
    fits["A"] = table["photons"] * per_photon / area
    errors["A"] = np.hypot(
        table["crlb_photons"] * per_photon / area, 2 * fits["A"] * table["crlb_sigma"] / table["sigma"]
    )
    for theirs, ours, scale in (
        ("x0", "x", 1.0),
        ("y0", "y", 1.0),
        ("sigma", "sigma", 1.0),
        ("background", "bg", per_photon),
    ):
        fits[theirs] = table[ours] * scale
        errors[theirs] = table[f"crlb_{ours}"] * scale
    failed = table["status"] != Status.CONVERGED
    for name in _FIT.names or ():
        errors[name][failed] = _FAILED
    rows["resultCode"] = np.where(failed, table["status"], 1)
    half = settings.half
    for axis in "xy":
        middle = np.rint(table[axis] / camera.pixel_size).astype(np.int64)
        rows["slicesUsed"][axis]["start"], rows["slicesUsed"][axis]["stop"] = middle - half, middle + half + 1
        rows["slicesUsed"][axis]["step"] = 1
    rows["slicesUsed"]["z"]["stop"], rows["slicesUsed"]["z"]["step"] = 1, 1
    rows["nchi2"] = table["glrt"] / np.maximum(table["ndof"], 1)
    return rows


def camera_metadata(camera: Camera) -> dict[str, float]:
    """The camera by the names that an .h5r file has for it."""
    return {
        "voxelsize.x": camera.pixel_size / 1000,
        "voxelsize.y": camera.pixel_size / 1000,
        "Camera.ADOffset": camera.offset,
        "Camera.ElectronsPerCount": camera.electrons_per_count,
        "Camera.ReadNoise": camera.read_noise,
        "Camera.TrueEMGain": camera.em_gain,
        "Camera.NoiseFactor": math.sqrt(camera.excess),
    }


def _write_hdf5(path: Path, table: Array, metadata: Mapping[str, Any], fits: Array | None = None) -> None:
    with _h5py().File(path, "w") as file:
        packed = {"chunks": True, "compression": "gzip", "shuffle": True} if len(table) else {}
        dataset = file.create_dataset("localizations", data=table, **packed)
        dataset.attrs["metadata"] = json.dumps(dict(metadata))
        for name in table.dtype.names or ():
            if name in UNITS:
                dataset.attrs[f"{name}_units"] = UNITS[name]
        if fits is not None:
            file.create_dataset("FitResults", data=fits, maxshape=(None,), chunks=(4096,))
            described = file.create_group("MetaData")
            for name, value in metadata.items():
                *groups, last = name.split(".")
                group = described.require_group("/".join(groups)) if groups else described
                group.attrs[last] = value if isinstance(value, int | float | str) else json.dumps(value)


def _write_parquet(path: Path, table: Array, metadata: Mapping[str, Any]) -> None:
    arrow, parquet = _pyarrow()
    fields = []
    for name in table.dtype.names or ():
        about = {
            key: value
            for key, value in (("units", UNITS.get(name)), ("meaning", MEANINGS.get(name)))
            if value
        }
        fields.append(arrow.field(name, arrow.from_numpy_dtype(table.dtype[name]), metadata=about or None))
    schema = arrow.schema(fields, metadata={"beamloom": json.dumps(dict(metadata))})
    columns = [arrow.array(np.ascontiguousarray(table[field.name])) for field in fields]
    parquet.write_table(arrow.table(columns, schema=schema), path, compression="zstd")


def _read_parquet(path: Path) -> tuple[Array, dict[str, Any]]:
    _, parquet = _pyarrow()
    read = parquet.read_table(path)
    names = read.schema.names
    table = np.empty(len(read), [(name, read.schema.field(name).type.to_pandas_dtype()) for name in names])
    for name in names:
        table[name] = read.column(name).to_numpy()
    return table, json.loads((read.schema.metadata or {}).get(b"beamloom", b"{}"))


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    there = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        write(there)
        there.replace(path)
    finally:
        there.unlink(missing_ok=True)


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as missing:
        raise _needed("h5py", missing) from None
    return h5py


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError as missing:
        raise _needed("pyarrow", missing) from None
    return pa, parquet


def _needed(library: str, missing: ImportError) -> UserError:
    return UserError(
        f"this file needs {library}, which is not here ({missing}); pip install 'beamloom[localization]'"
    )

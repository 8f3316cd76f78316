"""Modules that write files: with how they were made in each of them."""

from __future__ import annotations

import json
from pathlib import Path

from beamloom.apps.localization import write_table
from beamloom.rules.errors import RuleError
from beamloom.rules.needs import need
from beamloom.rules.recipes.registry import module
from beamloom.rules.recipes.values import Image, Table


@module("output.ImageOutput")
def image_output(input_name: Image, path: Path) -> None:
    """Writes an image as TIFF; its description is JSON: pixel_size (nm), origin (nm), and how it was made."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise RuleError(f"images are written as .tif, and not as {path.suffix or 'a file without ending'!r}")
    about = {**input_name.about, "pixel_size": input_name.pixel_size, "origin": list(input_name.origin)}
    need("tifffile", "TIFF files").imwrite(
        path, input_name.pixels, photometric="minisblack", description=json.dumps(about), metadata=None
    )


@module("output.TableOutput")
def table_output(input_name: Table, path: Path) -> None:
    """Writes a table as .parquet or .h5."""
    write_table(path, input_name.structured(), dict(input_name.about))


@module("output.HDFOutput")
def hdf_output(input_variables: dict[str, Table], path: Path) -> None:
    """Writes tables into one HDF5 file: ``input_variables`` has for each name in the recipe the name in the file."""
    with need("h5py", "HDF5 files").File(path, "w") as file:
        for name, table in input_variables.items():
            dataset = file.create_dataset(name, data=table.structured())
            dataset.attrs["metadata"] = json.dumps(dict(table.about))

"""Images in files: NumPy's ``.npy``, and TIFF by tifffile."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from beamloom.rules.arrays import Array
from beamloom.rules.needs import need


def read_image(path: Path) -> Array:
    """The pixels of a file, (y, x) or a stack (frames, y, x). Raises OSError, also where it is no image."""
    try:
        if path.suffix.lower() == ".npy":
            image: Array = np.load(path, allow_pickle=False)
            return image
        tifffile = need("tifffile", "TIFF files")
        found: Array = tifffile.imread(path)
        return found
    except (ValueError, EOFError) as error:
        raise OSError(f"{path} cannot be read: {error}") from error


def is_whole(path: Path) -> bool:
    """Whether all of the file is there, as far as the file itself says how long it is. Raises OSError where it is gone."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            if path.suffix.lower() == ".npy":
                version = np.lib.format.read_magic(file)
                read = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = read(file)
                return size >= file.tell() + math.prod(shape) * dtype.itemsize
            with need("tifffile", "TIFF files").TiffFile(file) as tiff:
                ends = [
                    offset + length
                    for page in tiff.pages
                    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True)
                ]
                return bool(ends) and size >= max(ends)
        # What is written only in part is no image of any kind.
        except Exception:  # noqa: BLE001
            return False

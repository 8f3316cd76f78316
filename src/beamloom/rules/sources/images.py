"""Images in files: NumPy's ``.npy``, and TIFF by tifffile."""

from __future__ import annotations

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
    except ValueError as error:
        raise OSError(f"{path} cannot be read: {error}") from error

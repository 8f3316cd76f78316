"""Arrays in files that parameters name: masks, dark and flat images.

A file parameter NAME has a path, which the process that needs it reads, or its content in NAME_file, which travels with the parameters.
"""

from __future__ import annotations

import io
import tokenize
import zipfile
from typing import Any

import numpy as np

from beamloom import ParameterSet, UserError
from beamloom.apps.contents import content_of

Array = np.ndarray[Any, np.dtype[Any]]


def array_of(parameters: ParameterSet, name: str) -> Array | None:
    """The array in the .npy file that the parameter ``name`` gives; None where it gives none. Raises UserError."""
    content = content_of(parameters, name)
    if content is None:
        return None
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, MemoryError, tokenize.TokenError, zipfile.BadZipFile):
        raise UserError(
            f"{name}: this is no array of numbers in a .npy file; write one by numpy.save"
        ) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        raise UserError(f"{name}: the file has no array of numbers; write one by numpy.save")
    return array


def image_of(parameters: ParameterSet, name: str, shape: tuple[int, ...]) -> Array | None:
    """The same, which is to have the shape of a frame. Raises UserError."""
    array = array_of(parameters, name)
    if array is not None and array.shape != shape:
        raise UserError(
            f"{name} has the shape {array.shape}, and frames have {shape}; give one of these frames"
        )
    return array

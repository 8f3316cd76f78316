"""Numpy arrays and scalars as bytes.

Array header::

    uint8   1 for Fortran order, 0 for C order
    uint8   number of dimensions
    uint16  length of the data type's text
    uint64  extent of each dimension
    text    data type: numpy's short form ("<f4"), or the description of a structured type as in .npy files
"""

from __future__ import annotations

import ast
import functools
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

_FIXED = struct.Struct("<BBH")


@functools.lru_cache(maxsize=1024)
def dtype_text(dtype: np.dtype[Any]) -> bytes:
    """The text of a data type. Raises ValueError, with what goes on "... is ", for a type whose values are not plain bytes."""
    if dtype.hasobject:
        raise ValueError(
            f"a numpy array of Python objects (dtype {dtype}); make it an array of numbers or a list"
        )
    text = repr(np.lib.format.dtype_to_descr(dtype)) if dtype.names is not None else dtype.str
    if _dtype(text) != dtype:
        raise ValueError(f"a numpy array of the data type {dtype}, which cannot be written down")
    return text.encode()


@functools.lru_cache(maxsize=1024)
def dtype_of(text: bytes) -> np.dtype[Any]:
    """The data type of a text. Raises ValueError or TypeError where there is none."""
    dtype = _dtype(text.decode())
    if dtype.hasobject:
        raise ValueError("arrays of Python objects are not accepted")
    return dtype


def _dtype(text: str) -> np.dtype[Any]:
    if not text.startswith("["):
        return np.dtype(text)
    # numpy's stubs take the description as a string only, and its lists as they come from a .npy file are meant.
    description: Any = ast.literal_eval(text)
    return np.lib.format.descr_to_dtype(description)


def header(array: npt.NDArray[Any], fortran: bool) -> bytes:
    """The header of an array. Raises ValueError as dtype_text does."""
    text = dtype_text(array.dtype)
    shape = array.shape
    return _FIXED.pack(fortran, len(shape), len(text)) + struct.pack(f"<{len(shape)}Q", *shape) + text


def is_fortran(array: npt.NDArray[Any]) -> bool:
    """Whether an array lies in Fortran order and not also in C order."""
    flags = array.flags
    return flags.f_contiguous and not flags.c_contiguous


def array_bytes(array: npt.NDArray[Any], fortran: bool) -> memoryview:
    """The bytes of an array as they lie in memory; a copy only of an array whose bytes do not lie one after the other."""
    if fortran:
        array = array.T
    # Through uint8, because memoryview knows neither datetime64 nor structured types.
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def read_header(payload: bytes) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """Data type, shape, Fortran order and length of the header. Raises ValueError, TypeError or struct.error."""
    fortran, dimensions, length = _FIXED.unpack_from(payload)
    text_start = _FIXED.size + 8 * dimensions
    shape = struct.unpack_from(f"<{dimensions}Q", payload, _FIXED.size)
    end = text_start + length
    return dtype_of(payload[text_start:end]), shape, bool(fortran), end


def array_from(
    buffer: Any, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], fortran: bool
) -> npt.NDArray[Any]:
    """An array backed by ``buffer`` from ``offset`` on. Raises ValueError or TypeError where the size is not the array's."""
    order: Any = "F" if fortran else "C"
    array: npt.NDArray[Any] = np.ndarray(shape, dtype, buffer, offset, order=order)
    if array.nbytes != memoryview(buffer).nbytes - offset:
        raise ValueError(f"an array of {array.nbytes} bytes came with another number of bytes")
    return array


def scalar_prefix(dtype: np.dtype[Any]) -> bytes:
    """What precedes the bytes of a scalar. Raises ValueError as dtype_text does."""
    text = dtype_text(dtype)
    if len(text) > 255:
        raise ValueError("a record of a numpy array with many fields; send it as an array of one element")
    return bytes((len(text),)) + text


def scalar_from(payload: bytes) -> Any:
    """The scalar of prefix and bytes. Raises ValueError or TypeError."""
    start = 1 + payload[0]
    value = array_from(payload, start, dtype_of(payload[1:start]), (), False)[()]
    # A record would stay tied to the read-only message.
    return value.copy() if isinstance(value, np.void) else value

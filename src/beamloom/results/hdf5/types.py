"""Data types and shapes as the HDF REST API writes them.

Truth values are enumerations over 8 bits and complex numbers are records of ``r`` and ``i``, which is how h5py writes both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom.results.arrays import ArrayLike, element_kind

_INTEGERS = {"i": "H5T_STD_I", "u": "H5T_STD_U"}
_NO_VALUE = np.dtype(np.float64)


def type_of(values: ArrayLike | None) -> dict[str, Any]:
    """The type of the elements of an array; of one without a value, float64."""
    return type_json(_NO_VALUE if values is None else values.dtype)


def shape_of(values: ArrayLike | None) -> dict[str, Any]:
    """The shape of an array."""
    if values is None:
        return {"class": "H5S_NULL"}
    if not values.shape:
        return {"class": "H5S_SCALAR"}
    return {"class": "H5S_SIMPLE", "dims": [int(length) for length in values.shape]}


def type_json(dtype: np.dtype[Any]) -> dict[str, Any]:
    """A data type that a publish tree holds (``results/arrays.py``)."""
    if dtype.names is not None:
        fields = [{"name": name, "type": type_json(dtype[name])} for name in dtype.names]
        return {"class": "H5T_COMPOUND", "fields": fields}
    if dtype.subdtype is not None:
        base, dims = dtype.subdtype
        return {"class": "H5T_ARRAY", "base": type_json(base), "dims": list(dims)}
    order = "BE" if dtype.byteorder == ">" else "LE"
    bits = dtype.itemsize * 8
    match dtype.kind:
        case "b":
            integer = {"class": "H5T_INTEGER", "base": "H5T_STD_I8LE"}
            return {"class": "H5T_ENUM", "base": integer, "mapping": {"FALSE": 0, "TRUE": 1}}
        case "i" | "u":
            return {"class": "H5T_INTEGER", "base": f"{_INTEGERS[dtype.kind]}{bits}{order}"}
        case "f":
            return {"class": "H5T_FLOAT", "base": f"H5T_IEEE_F{bits}{order}"}
        case "c":
            part = {"class": "H5T_FLOAT", "base": f"H5T_IEEE_F{bits // 2}{order}"}
            return {
                "class": "H5T_COMPOUND",
                "fields": [{"name": "r", "type": part}, {"name": "i", "type": part}],
            }
        case "S":
            encoding = (dtype.metadata or {"h5py_encoding": "ascii"})["h5py_encoding"]
            return _string(dtype.itemsize, "UTF8" if encoding == "utf-8" else "ASCII", "NULLPAD")
        case "O":
            return _variable(element_kind(dtype))
        case "V":
            return {"class": "H5T_OPAQUE", "size": dtype.itemsize}
    raise TypeError(f"a publish tree holds no {dtype}")


def _variable(element: Any) -> dict[str, Any]:
    if isinstance(element, np.dtype):
        return {"class": "H5T_VLEN", "size": "H5T_VARIABLE", "base": type_json(element)}
    return _string("H5T_VARIABLE", "UTF8" if element is str else "ASCII", "NULLTERM")


def _string(length: int | str, characters: str, padding: str) -> dict[str, Any]:
    return {
        "class": "H5T_STRING",
        "length": length,
        "charSet": f"H5T_CSET_{characters}",
        "strPad": f"H5T_STR_{padding}",
    }

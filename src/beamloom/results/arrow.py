"""Tables as Arrow IPC streams, which pandas, polars and JavaScript read without parsing.

One record batch. A table is what has columns of one length:

- a dictionary of arrays and lists. Where it is an NXdata, its columns are the datasets that are as long as its signal; elsewhere all
  of them have to be of one length;
- a dictionary keyed by numbers or tuples, by the rules of ``columns.py``;
- an array of records, a column for each field.

The attributes of a column (``x_attrs``) are its metadata, those of the table the metadata of the schema. A column of several axes is one
of fixed-size lists, complex numbers are ``{real, imag}``. Needs the package pyarrow.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from beamloom.results.arrays import filled, is_array_like
from beamloom.results.columns import columns_of
from beamloom.results.plain import NotPlain, to_json


class NoTable(Exception):
    """A value that cannot be sent as a table; the text says what is in the way."""


class NoArrow(Exception):
    """The package pyarrow is not installed."""


def to_arrow(value: Any) -> bytes:
    """An Arrow IPC stream of a table. Raises NoTable, NoArrow."""
    try:
        pa = importlib.import_module("pyarrow")
    except ImportError as error:
        raise NoArrow from error
    columns, attributes, about = _columns(value)
    arrays, fields = [], []
    for name, values in columns.items():
        try:
            array = _array(pa, values)
        except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as error:
            raise NoTable(f"the column {name!r} does not fit into Arrow ({error})") from error
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata=_metadata(attributes.get(name))))
    batch = pa.record_batch(arrays, schema=pa.schema(fields, metadata=_metadata(about)))
    file = io.BytesIO()
    with pa.ipc.new_stream(file, batch.schema) as stream:
        stream.write_batch(batch)
    return file.getvalue()


def _columns(value: Any) -> tuple[Mapping[str, Any], Mapping[str, Any], Any]:
    """Columns, the attributes of each, and those of the table."""
    if is_array_like(value) and value.dtype.names is not None and len(value.shape) == 1:
        records = np.asarray(value[...])
        return {name: records[name] for name in value.dtype.names}, {}, None
    if not isinstance(value, Mapping) or not value:
        raise NoTable(f"a {type(value).__name__} is no table")
    if not all(isinstance(key, str) for key in value):
        columns = columns_of(value)
        if columns is None:
            raise NoTable("a dictionary with keys of different kinds is no table")
        return columns, {}, None
    return _group(value)


def _group(value: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any], Any]:
    own = value.get("_attrs")
    attributes = {
        name: value[f"{name}_attrs"] for name in value if isinstance(value.get(f"{name}_attrs"), Mapping)
    }
    beside = {"_attrs", *(f"{name}_attrs" for name in attributes)}
    datasets = {name: one for name, one in value.items() if name not in beside}
    signal = own.get("signal") if isinstance(own, Mapping) else None
    if isinstance(signal, str) and (rows := _length(datasets.get(signal))) is not None:
        return {name: one for name, one in datasets.items() if _length(one) == rows}, attributes, own
    lengths = {name: _length(one) for name, one in datasets.items()}
    if None in lengths.values() or len(set(lengths.values())) != 1:
        found = ", ".join(
            f"{name}: {'no list' if n is None else n}" for name, n in list(lengths.items())[:10]
        )
        raise NoTable(f"its columns are not of one length ({found})")
    return datasets, attributes, own


def _length(column: Any) -> int | None:
    if is_array_like(column):
        return column.shape[0] if column.shape else None
    return len(column) if isinstance(column, list | tuple) else None


def _array(pa: Any, values: Any) -> Any:
    if not is_array_like(values):
        return pa.array([one.tolist() if isinstance(one, np.ndarray | np.generic) else one for one in values])
    part = values[...]
    if isinstance(part, np.ma.MaskedArray) and part.ndim == 1 and part.dtype.kind in "biufSU":
        return pa.array(_native(part.data), mask=np.ma.getmaskarray(part))
    array = np.asarray(filled(part))
    if array.dtype.names is not None:
        fields = [_array(pa, array[name]) for name in array.dtype.names]
        return pa.StructArray.from_arrays(fields, names=list(array.dtype.names))
    if array.ndim > 1:
        return _lists(pa, array)
    if array.dtype.kind == "c":
        return pa.StructArray.from_arrays(
            [_array(pa, array.real), _array(pa, array.imag)], names=["real", "imag"]
        )
    return pa.array(_native(array))


def _lists(pa: Any, array: npt.NDArray[Any]) -> Any:
    inner = _array(pa, np.ascontiguousarray(array).reshape(-1, *array.shape[2:]))
    if not array.shape[1]:
        return pa.array([[] for _ in array], pa.list_(inner.type))
    return pa.FixedSizeListArray.from_arrays(inner, array.shape[1])


def _native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """In this machine's byte order, without gaps, in a type that Arrow has."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))


def _metadata(attributes: Any) -> dict[str, str] | None:
    """Attributes as Arrow keeps them: texts as they are, everything else as JSON."""
    if not isinstance(attributes, Mapping):
        return None
    metadata = {}
    for name, one in attributes.items():
        try:
            metadata[str(name)] = one if isinstance(one, str) else to_json(one).decode()
        except NotPlain:
            metadata[str(name)] = str(one)
    return metadata

"""Types and elements on the wire, read back by h5json, which h5pyd reads them with."""

from __future__ import annotations

import json
from typing import Any

import h5json.array_util
import h5json.hdf5dtype
import numpy as np
import pytest

from beamloom.results.hdf5.encoding import to_bytes, value_json
from beamloom.results.hdf5.types import shape_of, type_of
from beamloom.results.values import values_of
from results.hdf5.trees import TREE

ARRAYS = {
    name: value
    for name, value in TREE.items()
    if not isinstance(value, dict) and name not in ("lock", "none", "complexes")
} | {
    "nested": np.zeros(2, [("in", [("x", "f4", (2,)), ("t", "S3")]), ("ok", "?")]),
    "half": np.array([1.5], "f2"),
    "utf8": np.array([("é", 1)], [("name", "U2"), ("n", "i4")]),
}  # fmt: skip


def plain(array: Any) -> Any:
    return [plain(one) for one in array] if isinstance(array, np.ndarray) and array.ndim else str(array)


@pytest.mark.parametrize("name", ARRAYS)
def test_bytes_and_json_are_read_back_as_they_were(name: str) -> None:
    values = values_of(ARRAYS[name])
    assert values is not None
    whole = np.asarray(values[...])
    dtype = h5json.hdf5dtype.createDataType(type_of(values))
    assert dtype.itemsize == whole.dtype.itemsize
    if whole.size:
        from_bytes = h5json.array_util.bytesToArray(to_bytes(whole), dtype, whole.shape)
        assert plain(from_bytes) in (plain(whole), plain(as_bytes(whole)))
    if name in ("nested", "ragged", "utf8"):
        return
    value = json.loads(value_json(whole))["value"]
    from_json = h5json.array_util.jsonToArray(whole.shape, dtype, value)
    assert plain(from_json) in (plain(whole), plain(as_bytes(whole)))


def as_bytes(array: Any) -> Any:
    """h5json gives text that it read from bytes as bytes."""
    encoded = np.empty(array.shape, object)
    for position in np.ndindex(array.shape):
        encoded[position] = array[position].encode() if isinstance(array[position], str) else array[position]
    return encoded


def test_json_of_records_is_a_list_of_their_fields() -> None:
    assert json.loads(value_json(TREE["records"])) == {"value": [[1, 2.5, "x"], [2, 3.5, "yz"]]}
    assert json.loads(value_json(np.asarray(TREE["records"][0]))) == {"value": [1, 2.5, "x"]}
    assert json.loads(value_json(np.array([1 + 2j]))) == {"value": [[1.0, 2.0]]}
    assert json.loads(value_json(np.array(b"\x01\x02\x03", "V3"))) == {"value": "AQID"}


def test_an_array_without_a_value_has_a_null_space() -> None:
    assert shape_of(None) == {"class": "H5S_NULL"}
    assert type_of(None)["class"] == "H5T_FLOAT"

"""Elements of a dataset as the HDF REST API sends them: as the bytes of their type, or as JSON.

In bytes, records are without gaps, and an element of variable length is its length in bytes (int32) and then its bytes. In JSON, a complex
number is ``[r, i]``, a record the list of its fields, text is text, and NaN and infinity are written so, as HSDS does, which
clients of this interface expect.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from beamloom.results.arrays import element_kind


def to_bytes(part: npt.NDArray[Any]) -> bytes:
    """The elements one after the other, in the order of C."""
    if part.dtype.kind != "O":
        return part.tobytes()
    element = element_kind(part.dtype)
    encoded: list[bytes] = []
    for item in part.ravel():
        content = item.astype(element).tobytes() if isinstance(element, np.dtype) else _text_bytes(item)
        encoded.append(len(content).to_bytes(4, "little"))
        encoded.append(content)
    return b"".join(encoded)


def to_value(part: npt.NDArray[Any]) -> Any:
    """Nested lists (of an array without axes: the element) that JSON can hold."""
    if part.dtype.names is not None:
        return _records(part)
    if part.dtype.kind == "c":
        return np.stack([part.real, part.imag], axis=-1).tolist()
    if part.dtype.kind in "SVO":
        return _each(part.tolist(), part.dtype)
    return part.tolist()


def json_bytes(content: Any) -> bytes:
    """JSON text of nested lists and dictionaries."""
    return json.dumps(content, separators=(",", ":")).encode()


def value_json(part: npt.NDArray[Any]) -> bytes:
    """``{"value": ...}``."""
    value = to_value(part)
    if part.dtype.kind in "biu" or (part.dtype.kind == "f" and np.isfinite(part).all()):
        # Ten times as fast, but it writes null for what is not finite.
        return msgspec.json.encode({"value": value})
    return json_bytes({"value": value})


def _records(part: npt.NDArray[Any]) -> Any:
    names = part.dtype.names or ()
    if not part.ndim:
        return [to_value(np.asarray(part[name])) for name in names]
    return [_records(np.asarray(row)) for row in part]


def _each(value: Any, dtype: np.dtype[Any]) -> Any:
    if isinstance(value, list):
        return [_each(one, dtype) for one in value]
    if isinstance(value, np.ndarray):
        return to_value(value)
    if isinstance(value, bytes) and dtype.kind == "V":
        return base64.b64encode(value).decode()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _text_bytes(item: Any) -> bytes:
    return item if isinstance(item, bytes) else str(item).encode("utf-8", "backslashreplace")

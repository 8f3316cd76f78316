"""Parameters as plain JSON, for records that are read years later by people and by other programs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from beamloom.parameters._files import is_text
from beamloom.parameters._value import ParameterValue

LONGEST = 1 << 16
"""Bytes of the largest value that is written out; of a larger one, as of one that is no text, its size and hash are told."""


def readable(parameters: Mapping[str, ParameterValue]) -> dict[str, Any]:
    """The values by name: numbers, text, lists; of binary and very large ones how many bytes they have, and their SHA-256."""
    return {name: _readable(value.value, value.data) for name, value in sorted(parameters.items())}


def _readable(value: Any, data: bytes) -> Any:
    if len(data) > LONGEST or isinstance(value, bytes) or not is_text(data):
        return f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}"
    if isinstance(value, float) and not math.isfinite(value):
        return data.decode()  # JSON has no word for it
    try:
        plain = msgspec.json.decode(msgspec.json.encode(value, enc_hook=_as_lists))
        # It is also sent and kept, where integers have 64 bits.
        msgspec.msgpack.encode(plain)
        return plain
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        return data.decode()


def _as_lists(value: Any) -> Any:
    """An array, or a number of numpy, as plain Python."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError

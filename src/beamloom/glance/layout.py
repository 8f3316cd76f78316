"""What kind of thing a stream carries: shape and type of its array, or the names of its values. Learned from one packet of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom.events import Packet
from beamloom.glance.event_view import fields_of, worked_out

NAMES_TOLD = 12


def layout_of(packet: Packet) -> dict[str, Any]:
    """``shape`` and ``dtype`` of the largest array that the parser of the device makes; else ``fields``, the names of what it makes.

    Has ``problem``, a sentence, where the packet cannot be read.
    """
    try:
        parsed = packet.parse()
    # A site's own parser may raise anything.
    except Exception as error:  # noqa: BLE001
        return {"problem": f"{type(error).__name__}: {error}"[:200]}
    arrays = list(_arrays(parsed))
    if arrays:
        largest = max(arrays, key=lambda array: array.nbytes)
        return {"shape": list(largest.shape), "dtype": str(largest.dtype)}
    fields = fields_of(parsed) or {}
    return {"fields": [str(name) for name in fields][:NAMES_TOLD]}


def _arrays(parsed: Any) -> list[np.ndarray[Any, Any]]:
    """The arrays that an object is or has, that of ``array`` alone where it has one; those without a dimension are numbers."""
    if isinstance(parsed, np.ndarray):
        return [parsed] if parsed.ndim else []
    fields = fields_of(parsed)
    if fields is None:
        return []
    found = [value for value in _values(fields) if isinstance(value, np.ndarray) and value.ndim]
    for name in worked_out(parsed.__class__):
        try:
            value = getattr(parsed, name)
        # Unpacking may fail as parsing may.
        except Exception:  # noqa: BLE001, S112
            continue
        if isinstance(value, np.ndarray) and value.ndim:
            return [value] if name == "array" else [*found, value]
    return found


def _values(fields: dict[Any, Any]) -> list[Any]:
    """The values of fields, and those of mappings among them."""
    return [one for value in fields.values() for one in ((fields_of(value) or {None: value}).values())]

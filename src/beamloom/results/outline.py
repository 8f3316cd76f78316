"""What there is in a publish tree, without the elements: names, shapes, data types, attributes.

It is the tree of every view that is shaped like HDF5 (``tree.py``), said in one answer, for clients that show or check names before they
fetch anything.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from beamloom.results.arrays import ArrayLike, Converted, unit_of_time
from beamloom.results.plain import NotPlain, to_plain
from beamloom.results.tree import Group, Node

SHOWN_ELEMENTS = 64
"""Attributes of at most so many elements are told with their value, such as the names of the signals of a plot."""
SHOWN_TEXT = 200
"""Characters of a single text that are told."""


def outline(node: Node) -> dict[str, Any]:
    """A group or dataset as JSON.

    A group is ``{"attributes": {...}, "children": {name: ...}}``; a dataset ``{"attributes": {...}, "shape": [...], "dtype": text}`` with
    ``"value"`` where it is a single one. Without a value at all, shape and dtype are null.
    """
    attributes = {name: _value(value) for name, value in node.attributes.items()}
    if isinstance(node, Group):
        children = {name: outline(child) for name, child in node.children.items()}
        return {"attributes": attributes, "children": children}
    if node.values is None:
        return {"attributes": attributes, "shape": None, "dtype": None}
    shape = node.values.shape
    told = {"attributes": attributes, "shape": list(shape), "dtype": _dtype(node.values)}
    return told if shape else {**told, "value": _value(node.values)}


def _dtype(values: ArrayLike) -> str:
    if isinstance(values, Converted) and unit_of_time(values.source.dtype) is not None:
        return str(values.source.dtype)
    return "text" if values.dtype.kind == "O" else str(values.dtype)


def _value(values: ArrayLike | None) -> Any:
    if values is None or math.prod(values.shape) > SHOWN_ELEMENTS:
        return None
    try:
        value = to_plain(np.asarray(values[...]))
    except NotPlain:
        return None
    if isinstance(value, str) and len(value) > SHOWN_TEXT:
        return value[:SHOWN_TEXT] + "…"
    return value

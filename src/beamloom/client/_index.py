"""Indices of numpy as the text that travels to the reducer, so that only what is wanted travels back."""

from __future__ import annotations

import operator
from typing import Any


def slice_text(index: Any) -> str | None:
    """``[:, 4:8, 3]`` as ``:,4:8,3``; empty for all of an array, None for what only numpy itself understands, such as a mask."""
    axes = index if isinstance(index, tuple) else (index,)
    if not axes or (len(axes) == 1 and axes[0] is Ellipsis):
        return ""
    texts = [_axis_text(axis) for axis in axes]
    return None if None in texts else ",".join(filter(None, texts))


def _axis_text(axis: Any) -> str | None:
    if axis is Ellipsis:
        return "..."
    if isinstance(axis, slice):
        bounds = (axis.start, axis.stop) if axis.step is None else (axis.start, axis.stop, axis.step)
        texts = ["" if bound is None else _number(bound) for bound in bounds]
        return None if None in texts else ":".join(text or "" for text in texts)
    return _number(axis)


def _number(value: Any) -> str | None:
    if isinstance(value, bool) or getattr(value, "shape", ()) != ():
        return None
    try:
        return str(operator.index(value))
    except TypeError:
        return None

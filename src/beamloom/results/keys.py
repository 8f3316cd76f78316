"""Keys of a publish tree as text: what a path selects by, and what JSON and HDF5 show."""

from __future__ import annotations

import re
from typing import Any

import numpy as np


def key_text(key: Any) -> str:
    """A key as JSON shows it: a tuple as its elements, ``(1.0, 2.0)`` as ``1.0,2.0``; a number as JSON writes it."""
    if isinstance(key, str):
        return str(key)
    if isinstance(key, tuple):
        return ",".join(map(key_text, key))
    if isinstance(key, np.generic):
        key = key.item()
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return str(key)


def name_step(key: Any) -> str:
    """The step to a key in a path: ``.name``, or ``['my name']`` for what is no plain word."""
    text = key_text(key)
    return f".{text}" if re.fullmatch(r"[^\W\d]\w*", text) else f"[{text!r}]"

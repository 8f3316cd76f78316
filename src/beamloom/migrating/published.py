"""Published values by their places: of a replay, of a file that was written of them, and of a result type that took the place of a list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def flat(tree: Any, place: str = "") -> dict[str, Any]:
    """The values of a published tree by their paths with slashes; attributes are left out, and keys that are no text."""
    found: dict[str, Any] = {}
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if not isinstance(key, str) or key.endswith("_attrs"):
            continue
        name = f"{place}/{key}" if place else key
        found |= flat(value, name) if isinstance(value, dict) else {name: value}
    return found


def read_published(path: Path) -> dict[str, Any]:
    """The datasets of an HDF5 file by their paths; nothing where it is no such file."""
    try:
        import h5py
    except ImportError:
        return {}
    found: dict[str, Any] = {}

    def take(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = node[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(take)
    except (OSError, ValueError, RuntimeError):
        return {}
    return found


def aliased(tree: Any, before: Any, aliases: Mapping[str, str]) -> Any:
    """``tree`` with the groups of result types replaced by their values, in the form that they had ``before``."""
    if not aliases or not isinstance(tree, dict):
        return tree
    made = dict(tree)
    for name, dataset in aliases.items():
        group, old = made.get(name), before.get(name) if isinstance(before, dict) else None
        if isinstance(group, dict) and dataset in group:
            made[name] = _as_before(np.asarray(group[dataset]), group.get("coverage"), old)
    return made


def _as_before(rows: Any, coverage: Any, old: Any) -> Any:
    if isinstance(old, list):
        covered = np.asarray(coverage) if coverage is not None else np.empty((0, 2), int)
        return [rows[event] for begin, end in covered for event in range(int(begin), int(end))]
    # Sums are kept in 64 bits.
    return rows.astype(old.dtype) if hasattr(old, "dtype") and rows.shape == old.shape else rows

"""A publish tree as an HDF5 file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

logger = logging.getLogger(__name__)

SUFFIX = "_attrs"


def dump(
    data: Mapping[str, Any], filename: str | Path, lock: AbstractContextManager[Any] | None = None
) -> None:
    """Write ``data`` to the HDF5 file ``filename``, holding ``lock`` while it is read.

    Dictionaries become groups, everything else datasets; ``X_attrs`` are the attributes of ``X``, ``_attrs`` those of the group
    that it stands in. What HDF5 cannot hold is left out with a warning. The file takes its name when it is whole. Raises
    ImportError where h5py is missing.
    """
    try:
        import h5py
    except ModuleNotFoundError:
        raise ImportError(
            "writing HDF5 files needs the package h5py: install it with 'pip install h5py'"
        ) from None
    path = Path(filename)
    unfinished = path.with_name(path.name + ".part")
    try:
        with h5py.File(unfinished, "w") as file, lock or nullcontext():
            _write_group(file, data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _write_group(group: Any, content: Mapping[str, Any]) -> None:
    attributes: dict[str, Mapping[str, Any]] = {}
    for name, value in content.items():
        if not isinstance(name, str):
            logger.warning("%s: key %r is left out, only texts can name a dataset", group.name, name)
        elif name.endswith(SUFFIX) and isinstance(value, Mapping):
            attributes[name.removesuffix(SUFFIX)] = value
        elif isinstance(value, Mapping):
            _write_group(group.create_group(name), value)
        else:
            _write(group.name, name, value, lambda name, value: group.create_dataset(name, data=value))
    for name, values in attributes.items():
        if name and name not in group:
            logger.warning(
                "%s: the attributes %r are left out, there is no %r", group.name, name + SUFFIX, name
            )
            continue
        target = group[name] if name else group
        for attribute, value in values.items():
            _write(target.name, attribute, value, target.attrs.__setitem__)


def _write(place: str, name: str, value: Any, write: Any) -> None:
    try:
        write(name, _storable(value))
    except (TypeError, ValueError) as error:
        logger.warning("%s: %r of type %s is left out: %s", place, name, type(value).__name__, error)


def _storable(value: Any) -> Any:
    """Texts in lists as objects: h5py writes those with variable length, and refuses numpy's fixed-width unicode."""
    if isinstance(value, list | tuple):
        value = np.array(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return value.astype(object)
    return value

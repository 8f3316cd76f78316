"""What an HDF5 file says of its set-up, as JSON can have it: the START packet of a series carries it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, Final

from beamloom.devices.hdf5.choice import member, text

_SMALL: Final = 16
"""Elements of what is a value of the set-up, and no data."""
_VALUES: Final = 500
"""Values of one file that go into the START packet."""
_UNREADABLE: Final = (OSError, LookupError, RuntimeError, TypeError, ValueError)
"""What h5py raises for what is damaged, and for types that it does not know."""


def attributes_of(file: Any, dataset: Any) -> dict[str, dict[str, Any]]:
    """The attributes of the file, of the dataset and of all groups above it, by the name of the object."""
    found = {"/": _plain_attributes(file)}
    parts = str(dataset.name).strip("/").split("/") if dataset.name else []
    for depth in range(1, len(parts) + 1):
        name = "/" + "/".join(parts[:depth])
        node = member(dataset.file, name)
        if node is not None:
            found[name] = _plain_attributes(node)
    return {name: attributes for name, attributes in found.items() if attributes}


def values_of(file: Any) -> dict[str, Any]:
    """The small datasets of the file by name: wavelength, distance, time per frame, and whatever else was written of the set-up."""
    found: dict[str, Any] = {}

    def look(named: Any, node: Any) -> None:
        name = text(named)
        # When it ended is nothing that a start can tell, even where it is known by now.
        if (
            name.endswith("end_time")
            or len(found) >= _VALUES
            or not hasattr(node, "chunks")
            or node.is_virtual
        ):
            return
        if node.ndim < 2 and 0 < (node.size or 0) <= _SMALL and node.maxshape == node.shape:
            found[f"/{name}"] = _read(lambda: node[()])

    # Where something in it cannot be opened, what comes before that is told.
    with contextlib.suppress(*_UNREADABLE):
        file.visititems(look)
    return found


def _plain_attributes(node: Any) -> dict[str, Any]:
    return {text(name): _read(functools.partial(node.attrs.__getitem__, name)) for name in node.attrs}


def _read(read: Callable[[], Any]) -> Any:
    try:
        return _plain(read())
    except _UNREADABLE:
        return "<of a type that cannot be read>"


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)

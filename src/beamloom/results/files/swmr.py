"""A file of HDF5 that readers follow while it is written (SWMR: a single writer, many readers).

- Datasets of numbers are written in place, rows may be added; after them the version, so that it never promises what is not there yet.
- SWMR can do no more than that. New names, other data types or ranks, fewer rows and other lengths of the further axes are a new file,
  which replaces the one before; who follows the old one learns nothing more there. Texts and attributes are those of when a file was made.
- The last version of a run is a whole file with all of it, written anew, which opens like any other.

A file whose writer was killed opens with ``swmr=True``; without it after ``h5clear -s``. What is in it may be of two versions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import h5py

from beamloom.results.arrays import ArrayLike
from beamloom.results.files.blocks import block_of, blocks_of, chunk_shape
from beamloom.results.files.hdf5 import Hdf5Writer, is_same, source_of
from beamloom.results.tree import Dataset, Group, Node

FOLLOWED = ("latest", "latest")
"""Formats of HDF5 that can be followed: version 1.10 and later."""
IN_PLACE = "biufcS"
"""Kinds of elements that are written in place."""
VERSION = "result_version"
"""The name of what is written last."""

Form = dict[str, tuple[Any, ...]]
"""What a file was made for: by path whether it is a group, a text, or numbers of a type and a shape."""


class SwmrWriter(Hdf5Writer):
    """Makes files whose datasets can be written in place afterwards."""

    library: ClassVar[tuple[str, str]] = FOLLOWED

    def _write(self, group: h5py.Group, name: str, path: str, node: Dataset, old: h5py.File | None) -> bool:
        values = node.values
        if values is None or not _grows(values):
            return super()._write(group, name, path, node, None)
        chunk = chunk_shape(values.shape, values.dtype.itemsize)
        dataset = group.create_dataset(
            name, values.shape, values.dtype, chunks=chunk, maxshape=(None, *values.shape[1:])
        )
        for key in blocks_of(values):
            dataset[key] = block_of(values, key)
        self._give(dataset, path, node.attributes)
        return False


class FollowedFile:
    """One file that is open for writing, and those who follow it see what is written."""

    def __init__(self, path: Path, tree: Group) -> None:
        """``tree`` is what the file holds. Raises OSError."""
        self._form = form_of(tree)
        self._written = {path: source_of(values) for path, values in _in_place(tree)}
        # Who makes the file holds a lock on it.
        self._file = h5py.File(path, "r+", libver=FOLLOWED, locking=False)
        self._file.swmr_mode = True

    def takes(self, tree: Group) -> bool:
        """Whether a version can be written into it."""
        form = form_of(tree)
        return form.keys() == self._form.keys() and all(
            _can_follow(now, form[path]) for path, now in self._form.items()
        )

    def write(self, tree: Group) -> None:
        """Write what has changed, and let readers see it. Raises OSError."""
        last = []
        for path, values in _in_place(tree):
            if is_same(self._written.get(path), source_of(values)):
                continue
            if path.endswith(f"/{VERSION}"):
                last.append((path, values))
            else:
                self._write(path, values)
        self._file.flush()
        for path, values in last:
            self._write(path, values)
        self._form = form_of(tree)

    def _write(self, path: str, values: ArrayLike) -> None:
        dataset = self._file[path]
        if dataset.shape != values.shape:
            dataset.resize(values.shape)
        for key in blocks_of(values):
            dataset[key] = block_of(values, key)
        dataset.flush()
        self._written[path] = source_of(values)

    def close(self) -> None:
        """Nobody writes to it any more."""
        with contextlib.suppress(OSError, RuntimeError):
            self._file.close()


def form_of(tree: Group) -> Form:
    """What a file for this version has to be made for."""
    form: Form = {}
    for path, node in _nodes(tree):
        if isinstance(node, Group):
            form[path] = ("group",)
        elif node.values is None or node.values.dtype.kind not in IN_PLACE:
            form[path] = ("text",)
        else:
            form[path] = ("numbers", node.values.dtype.str, node.values.shape)
    return form


def _can_follow(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    if before[:2] != now[:2]:
        return False
    if before[0] != "numbers" or before[2] == now[2]:
        return True
    rows, more = before[2], now[2]
    return len(rows) == len(more) > 0 and rows[1:] == more[1:] and rows[0] <= more[0]


def _grows(values: ArrayLike) -> bool:
    return bool(values.shape) and values.dtype.kind in IN_PLACE and all(values.shape[1:])


def _in_place(tree: Group) -> Iterator[tuple[str, ArrayLike]]:
    for path, node in _nodes(tree):
        if isinstance(node, Dataset) and node.values is not None and node.values.dtype.kind in IN_PLACE:
            yield path, node.values


def _nodes(group: Group, path: str = "") -> Iterator[tuple[str, Node]]:
    for name, child in group.children.items():
        yield f"{path}/{name}", child
        if isinstance(child, Group):
            yield from _nodes(child, f"{path}/{name}")

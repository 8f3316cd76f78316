"""A tree as an HDF5 file, written block by block.

Compressed datasets that have not changed since the last version are copied from its file as they are, chunk by chunk, without unpacking.
Chunks are packed here and handed to HDF5 packed, so that other threads run meanwhile. What cannot be written is a sentence in its place.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import numpy.typing as npt
import zstandard

from beamloom.results.arrays import ArrayLike, Converted
from beamloom.results.chunked import FrozenArray
from beamloom.results.files.blocks import block_of, blocks_of, chunk_shape
from beamloom.results.files.compression import Compression
from beamloom.results.files.raw import RawFile
from beamloom.results.tree import Attributes, Dataset, Group

COMPRESS_FROM = 64 * 1024
"""Bytes of the smallest dataset that is packed."""
LIBRARY = ("v108", "latest")
"""Formats of HDF5: version 1.8 and later can hold attributes of more than 64 kB."""
ZSTD_FILTER = 32015
PACKED_KINDS = "biufc"


class Hdf5Writer:
    """Writes versions of a tree, one file each."""

    library: ClassVar[tuple[str, str]] = LIBRARY

    def __init__(self, compression: Compression = "none") -> None:
        self._compression = compression
        self._before: dict[str, ArrayLike] = {}
        self.left_out: dict[str, str] = {}
        """Paths of the last version (of an attribute ``path@name``) in whose place is a sentence, and why."""
        self.copied = 0
        """Datasets of the last version that were copied from the one before."""

    def write(self, raw: RawFile, tree: Group, before: Path | None = None) -> None:
        """Write ``tree``; ``before`` is the file of the version that was written last. Raises OSError."""
        packed: dict[str, ArrayLike] = {}
        self.left_out, self.copied = {}, 0
        with _opened(before) as old, h5py.File(raw, "w", libver=self.library) as file:
            self._give(file, "", tree.attributes)
            for path, group, name, node in _walk(file, tree):
                if raw.error is not None:
                    raise raw.error
                if isinstance(node, Group):
                    self._give(group.create_group(name), path, node.attributes)
                    continue
                try:
                    if self._write(group, name, path, node, old):
                        packed[path] = source_of(node.values)
                except Exception as error:
                    if raw.error is not None:
                        raise raw.error from error
                    self._leave_out(group, name, path, error)
        self._before = packed

    def _write(self, group: h5py.Group, name: str, path: str, node: Dataset, old: h5py.File | None) -> bool:
        """Write one dataset; whether it is packed."""
        values = node.values
        if values is None or not self._is_packed(values):
            self._give(write_plain(group, name, values), path, node.attributes)
            return False
        if old is not None and is_same(self._before.get(path), source_of(values)) and path in old:
            h5py.h5o.copy(old.id, path.encode(), group.id, name.encode())
            dataset = group[name]
            for attribute in list(dataset.attrs):
                del dataset.attrs[attribute]
            self.copied += 1
        else:
            dataset = write_packed(group, name, values, self._compression)
        self._give(dataset, path, node.attributes)
        return True

    def _give(self, target: Any, path: str, attributes: Attributes) -> None:
        """Give a group or dataset these attributes; in the place of one that cannot be written is a sentence."""
        for name, value in attributes.items():
            try:
                write_attribute(target, name, value)
            except Exception as error:  # noqa: BLE001  whatever it holds, it is an attribute; a full disk is told by the file
                reason = self.left_out[f"{path}@{name}"] = f"{type(error).__name__}: {error}"
                target.attrs[name] = f"This could not be saved: {reason}"

    def _is_packed(self, values: ArrayLike) -> bool:
        return (
            self._compression != "none"
            and bool(values.shape)
            and values.dtype.kind in PACKED_KINDS
            and int(np.prod(values.shape)) * values.dtype.itemsize >= COMPRESS_FROM
        )

    def _leave_out(self, group: h5py.Group, name: str, path: str, error: Exception) -> None:
        self.left_out[path] = f"{type(error).__name__}: {error}"
        if name in group:
            del group[name]
        group[name] = f"This could not be saved: {self.left_out[path]}"


def write_plain(group: h5py.Group, name: str, values: ArrayLike | None) -> Any:
    """One dataset as it is."""
    if values is None:
        return group.create_dataset(name, data=h5py.Empty(np.float64))
    dataset = group.create_dataset(name, values.shape, values.dtype)
    for key in blocks_of(values):
        dataset[key] = _as_taken(block_of(values, key))
    return dataset


def write_packed(group: h5py.Group, name: str, values: ArrayLike, compression: Compression) -> Any:
    """One dataset of numbers, packed."""
    chunk = chunk_shape(values.shape, values.dtype.itemsize)
    how: dict[str, Any] = {"compression": "gzip", "compression_opts": 1}
    if compression == "zstd":
        import hdf5plugin  # noqa: F401  it makes the filter known to HDF5

        how = {"compression": ZSTD_FILTER, "compression_opts": (3,)}
    dataset = group.create_dataset(name, values.shape, values.dtype, chunks=chunk, shuffle=True, **how)
    pack = zstandard.ZstdCompressor(3).compress if compression == "zstd" else _deflated
    places = [range(0, length, step) for length, step in zip(values.shape, chunk, strict=True)]
    for corner in np.ndindex(*(len(steps) for steps in places)):
        start = tuple(steps[at] for steps, at in zip(places, corner, strict=True))
        key = tuple(slice(begin, begin + step) for begin, step in zip(start, chunk, strict=True))
        part = np.zeros(chunk, values.dtype)
        content = np.asarray(values[key])
        part[tuple(slice(0, length) for length in content.shape)] = content
        dataset.id.write_direct_chunk(start, pack(_shuffled(part)))
    return dataset


def _as_taken(part: npt.NDArray[Any]) -> Any:
    """A single text as text: h5py does not take arrays without axes of them."""
    return part[()] if part.dtype.kind == "O" and not part.shape else part


def write_attribute(target: Any, name: str, value: ArrayLike | None) -> None:
    """Give a group or dataset one attribute."""
    if value is None:
        target.attrs.create(name, h5py.Empty(np.float64))
    else:
        target.attrs.create(name, _as_taken(block_of(value, ())), value.shape, value.dtype)


def _walk(file: h5py.Group, tree: Group) -> Iterator[tuple[str, h5py.Group, str, Group | Dataset]]:
    """Every node with its path, the open group that it belongs into, and its name; groups are made by who iterates."""

    def below(group: h5py.Group, path: str, children: Mapping[str, Any]) -> Iterator[Any]:
        for name, child in children.items():
            here = f"{path}/{name}"
            yield here, group, name, child
            if isinstance(child, Group):
                yield from below(group[name], here, child.children)

    yield from below(file, "", tree.children)


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[h5py.File | None]:
    """The file to copy from; None where there is none any more."""
    file = None
    if path is not None:
        with contextlib.suppress(OSError):
            file = h5py.File(path, "r")
    try:
        yield file
    finally:
        if file is not None:
            file.close()


def source_of(values: ArrayLike | None) -> Any:
    """The array of the snapshot that is read here, maybe through a conversion."""
    return values.source if isinstance(values, Converted) else values


def is_same(before: ArrayLike | None, now: ArrayLike) -> bool:
    """Whether an array is the one of the version before: snapshots keep what has not changed, and change nothing in place."""
    return before is now and isinstance(now, np.ndarray | FrozenArray)


def _shuffled(part: npt.NDArray[Any]) -> bytes:
    """The first bytes of all elements, then their second ones, ...: the shuffle filter of HDF5."""
    size = part.dtype.itemsize
    return part.view(np.uint8).reshape(-1, size).T.tobytes()


def _deflated(content: bytes) -> bytes:
    return zlib.compress(content, 1)

"""A tree as a group of Zarr 3: a folder of small JSON files and one file for each chunk.

It is written as its specification says, without a library: files are closed before they are linked, no thread is left running, and nothing
needs to be installed where the reducer runs. An array that is the same object as in the version before keeps its chunks: they are linked,
not written. What cannot be written is a sentence in its place.
"""

from __future__ import annotations

import base64
import errno
import gzip
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard

from beamloom.results.arrays import ArrayLike, Converted, element_kind
from beamloom.results.chunked import FrozenArray
from beamloom.results.files.blocks import block_of, chunk_shape
from beamloom.results.files.compression import Compression
from beamloom.results.plain import to_plain
from beamloom.results.tree import Attributes, Group, Node
from beamloom.results.values import text_array

METADATA = "zarr.json"
_RESERVED = {METADATA, ".", ".."}
_ZSTD_LEVEL = 3
_GZIP_LEVEL = 1
_LITTLE = sys.byteorder == "little"


class ZarrWriter:
    """Writes versions of a tree, one folder each."""

    def __init__(self, compression: Compression = "none") -> None:
        self._compression = compression
        self._before: dict[str, ArrayLike] = {}
        self.left_out: dict[str, str] = {}
        """Paths of the last version (of an attribute ``path@name``) in whose place is a sentence, and why."""
        self.linked = 0
        """Arrays of the last version whose chunks are those of the one before."""

    def write(self, folder: Path, tree: Group, before: Path | None = None) -> None:
        """Write ``tree`` into an empty folder; ``before`` is that of the version that was written last. Raises OSError."""
        self.left_out, self.linked = {}, 0
        written: dict[str, ArrayLike] = {}
        self._group(folder, "", tree, before, written)
        self._before = written

    def _group(
        self, folder: Path, path: str, group: Group, before: Path | None, written: dict[str, ArrayLike]
    ) -> None:
        attributes = self._attributes(path, group.attributes)
        _write_json(folder, {"node_type": "group", "attributes": attributes})
        for name, child in group.children.items():
            here = f"{path}/{name}"
            try:
                self._node(folder, name, here, child, before, written)
            except Exception as error:
                if isinstance(error, OSError) and error.errno != errno.ENAMETOOLONG:
                    raise
                self.left_out[here] = f"{type(error).__name__}: {error}"
                self._explain(folder, name, f"This could not be saved: {self.left_out[here]}")

    def _node(
        self,
        folder: Path,
        name: str,
        path: str,
        node: Node,
        before: Path | None,
        written: dict[str, ArrayLike],
    ) -> None:
        if name in _RESERVED or "/" in name:
            raise ValueError(f"{name!r} cannot be a name in Zarr")
        place = folder / name
        place.mkdir()
        if isinstance(node, Group):
            self._group(place, path, node, before, written)
            return
        values = np.empty(0) if node.values is None else node.values
        chunk = chunk_shape(values.shape, max(1, values.dtype.itemsize))
        meta = _array_metadata(values, chunk, self._compression)
        old = None if before is None else before / path[1:] / "c"
        source = _source(values)
        if old is not None and _is_same(self._before.get(path), source) and old.is_dir():
            _link_all(old, place / "c")
            self.linked += 1
        else:
            self._write_chunks(place, values, chunk)
        attributes = self._attributes(path, node.attributes)
        _write_json(place, {"node_type": "array", **meta, "attributes": attributes})
        written[path] = source

    def _attributes(self, path: str, attributes: Attributes) -> dict[str, Any]:
        """In the place of one that JSON cannot hold is a sentence."""
        content: dict[str, Any] = {}
        for name, value in attributes.items():
            try:
                content[name] = _attribute(value)
            except Exception as error:  # noqa: BLE001  whatever it holds, it is an attribute
                reason = self.left_out[f"{path}@{name}"] = f"{type(error).__name__}: {error}"
                content[name] = f"This could not be saved: {reason}"
        return content

    def _write_chunks(self, place: Path, values: ArrayLike, chunk: tuple[int, ...]) -> None:
        steps = [range(0, length, step) for length, step in zip(values.shape, chunk, strict=True)]
        folders: set[Path] = set()
        for corner in np.ndindex(*(len(one) for one in steps)):
            key = tuple(
                slice(one[at], one[at] + step) for one, at, step in zip(steps, corner, chunk, strict=True)
            )
            path = place.joinpath("c", *map(str, corner))
            if path.parent not in folders:
                path.parent.mkdir(parents=True, exist_ok=True)
                folders.add(path.parent)
            path.write_bytes(self._packed(_encoded(block_of(values, key), chunk)))

    def _packed(self, content: bytes) -> bytes:
        if self._compression == "gzip":
            return gzip.compress(content, _GZIP_LEVEL, mtime=0)
        return (
            zstandard.ZstdCompressor(_ZSTD_LEVEL).compress(content)
            if self._compression == "zstd"
            else content
        )

    def _explain(self, folder: Path, name: str, sentence: str) -> None:
        """Put a sentence where something could not be written, where its name allows that."""
        place = folder / name
        if name in _RESERVED or "/" in name or len(os.fsencode(name)) > 255:
            return
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        values = text_array(sentence)
        self._write_chunks(place, values, ())
        meta = _array_metadata(values, (), self._compression)
        _write_json(place, {"node_type": "array", **meta, "attributes": {}})


def _write_json(folder: Path, content: Mapping[str, Any]) -> None:
    (folder / METADATA).write_bytes(msgspec.json.encode({"zarr_format": 3, **content}))


def _attribute(value: ArrayLike | None) -> Any:
    if value is None:
        return None
    content = block_of(value, ())
    return to_plain(content[()] if not content.shape else content)


# ---- data types, see "Zarr core specification, version 3" and the registry of its extensions ------------------------------------


def _array_metadata(values: ArrayLike, chunk: tuple[int, ...], compression: Compression) -> dict[str, Any]:
    data_type, codec, fill = _data_type(values.dtype)
    codecs: list[dict[str, Any]] = [codec]
    if compression == "gzip":
        codecs.append({"name": "gzip", "configuration": {"level": _GZIP_LEVEL}})
    elif compression == "zstd":
        codecs.append({"name": "zstd", "configuration": {"level": _ZSTD_LEVEL, "checksum": False}})
    return {
        "shape": list(values.shape),
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": codecs,
        "storage_transformers": [],
    }


def _data_type(dtype: np.dtype[Any]) -> tuple[Any, dict[str, Any], Any]:
    """The data type, the codec that makes bytes of it, and the fill value. Raises TypeError where there is none."""
    kind = element_kind(dtype) if dtype.kind == "O" else None
    if kind is str:
        return "string", {"name": "vlen-utf8"}, ""
    if kind is bytes:
        return "variable_length_bytes", {"name": "vlen-bytes"}, ""
    codec = {"name": "bytes", "configuration": {"endian": "big" if _is_big(dtype) else "little"}}
    if dtype.kind == "b":
        return "bool", {"name": "bytes"}, False
    if dtype.kind in "iufc":
        plain = codec if dtype.itemsize > 1 else {"name": "bytes"}
        return dtype.newbyteorder("=").name, plain, [0.0, 0.0] if dtype.kind == "c" else 0
    if dtype.kind == "S":
        length = {"length_bytes": dtype.itemsize}
        return {"name": "null_terminated_bytes", "configuration": length}, {"name": "bytes"}, ""
    if dtype.names is not None and all(dtype[name].subdtype is None for name in dtype.names):
        fields = [[name, _data_type(dtype[name])[0]] for name in dtype.names]
        return {"name": "structured", "configuration": {"fields": fields}}, {"name": "bytes"}, _zeros(dtype)
    raise TypeError(f"Zarr has no data type for {dtype}")


def _zeros(dtype: np.dtype[Any]) -> str:
    return base64.b64encode(bytes(dtype.itemsize)).decode()


def _is_big(dtype: np.dtype[Any]) -> bool:
    return dtype.byteorder == ">" or (dtype.byteorder == "=" and not _LITTLE)


def _encoded(part: npt.NDArray[Any], chunk: tuple[int, ...]) -> bytes:
    """A chunk as bytes; one at the edge is filled up."""
    if part.dtype.kind == "O":
        texts = np.full(chunk, b"" if element_kind(part.dtype) is bytes else "", object)
        texts[tuple(slice(0, length) for length in part.shape)] = part
        encoded = [one if isinstance(one, bytes) else str(one).encode() for one in texts.flat]
        sized = (len(one).to_bytes(4, "little") + one for one in encoded)
        return len(encoded).to_bytes(4, "little") + b"".join(sized)
    dtype = part.dtype.newbyteorder("<") if part.dtype.names is not None else part.dtype
    if part.shape == chunk:
        return part.astype(dtype, copy=False).tobytes()
    full = np.zeros(chunk, dtype)
    full[tuple(slice(0, length) for length in part.shape)] = part
    return full.tobytes()


# ---- what has not changed -------------------------------------------------------------------------------------------------------


def _source(values: ArrayLike) -> Any:
    return values.source if isinstance(values, Converted) else values


def _is_same(before: ArrayLike | None, now: ArrayLike) -> bool:
    """Whether an array is the one of the version before: snapshots keep what has not changed, and change nothing in place."""
    return before is now and isinstance(now, np.ndarray | FrozenArray)


def _link_all(old: Path, new: Path) -> None:
    """The same files under another name: no version writes into files of another one."""
    shutil.copytree(old, new, copy_function=_link)


def _link(old: str, new: str) -> None:
    try:
        os.link(old, new)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
            raise
        shutil.copyfile(old, new)

"""The objects of one version of a publish tree by id; made once for a version, however often it is read."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from beamloom.results.arrays import ArrayLike
from beamloom.results.covered import NAMES as COVERAGE_NAMES
from beamloom.results.hdf5.encoding import to_bytes
from beamloom.results.hdf5.ids import LETTERS, object_id, path_key
from beamloom.results.tree import Dataset, Group, Node

BLOCK_BYTES = 2**22
"""How much of a dataset is read at once to see whether it has changed."""


@dataclass(frozen=True)
class Entry:
    """One object of a version."""

    id: str
    path: tuple[str, ...]
    node: Node

    @property
    def name(self) -> str:
        """The last part of the path; empty for the root."""
        return self.path[-1] if self.path else ""

    @property
    def collection(self) -> str:
        """``groups`` or ``datasets``."""
        return collection_of(self.node)


class Catalog:
    """The objects of ``root`` under ids that begin with ``tag``; ``seen_at`` is when this version was first seen (Unix time, s)."""

    def __init__(
        self,
        root: Group,
        run: str | None,
        version: int,
        tag: str,
        seen_at: float,
        digests: dict[tuple[str, ...], bytes] | None = None,
    ) -> None:
        self.root = Entry(object_id("groups", tag, ""), (), root)
        self.run = run
        self.version = version
        self.tag = tag
        self.seen_at = seen_at
        self._digests: dict[tuple[str, ...], bytes] = {} if digests is None else digests
        self._entries = {(LETTERS[entry.collection], key): entry for key, entry in self._walk(root, ())}

    def tagged(self, tag: str) -> Catalog:
        """The same objects under other ids."""
        root = self.root.node
        return Catalog(
            root if isinstance(root, Group) else Group(),
            self.run,
            self.version,
            tag,
            self.seen_at,
            self._digests,
        )

    def _walk(self, node: Node, path: tuple[str, ...]) -> Iterator[tuple[str, Entry]]:
        key = path_key(path) if path else ""
        yield key, Entry(object_id(collection_of(node), self.tag, key), path, node)
        if isinstance(node, Group):
            for name, child in node.children.items():
                yield from self._walk(child, (*path, name))

    def find(self, letter: str, key: str) -> Entry | None:
        """The object with this letter and key of an id."""
        return self._entries.get((letter, key))

    def at(self, path: tuple[str, ...]) -> Entry | None:
        """The object at a path."""
        key = path_key(path) if path else ""
        return self.find("g", key) or self.find("d", key)

    def children(self, entry: Entry) -> list[Entry]:
        """What a group holds, in its order; nothing for a dataset."""
        if not isinstance(entry.node, Group):
            return []
        found = (self.at((*entry.path, name)) for name in entry.node.children)
        return [child for child in found if child is not None]

    def entries(self, collection: str | None = None) -> list[Entry]:
        """All objects, or those of one collection, each group before what is in it."""
        return [entry for entry in self._entries.values() if collection in (None, entry.collection)]

    def digest(self, entry: Entry) -> bytes:
        """What ``content_digest`` says of an object, reckoned once."""
        if (digest := self._digests.get(entry.path)) is None:
            digest = self._digests[entry.path] = content_digest(entry.node, self.run)
        return digest

    def size(self) -> int:
        """Bytes of all datasets."""
        return sum(
            math.prod(entry.node.values.shape) * entry.node.values.dtype.itemsize
            for entry in self._entries.values()
            if isinstance(entry.node, Dataset) and entry.node.values is not None
        )


def collection_of(node: Node) -> str:
    """``groups`` or ``datasets``."""
    return "groups" if isinstance(node, Group) else "datasets"


def content_digest(node: Node, run: str | None) -> bytes:
    """A hash of what an object is: attributes, and the names in a group or the elements of a dataset.

    The coverage is not of the object but of its reading: what changes there alone leaves the object as it was.
    An array-like that counts its changes as ``version`` is told by that count, within a run, and not read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, value in node.attributes.items():
        if name in COVERAGE_NAMES:
            continue
        digest.update(f"{name}\0".encode("utf-8", "backslashreplace"))
        _add(digest, value)
    if isinstance(node, Group):
        for name, child in node.children.items():
            digest.update(f"{name}\0{collection_of(child)}".encode("utf-8", "backslashreplace"))
    elif isinstance(version := getattr(node.values, "version", None), int):
        digest.update(f"{run}/{version}".encode())
    else:
        _add(digest, node.values)
    return digest.digest()


def _add(digest: hashlib.blake2b, values: ArrayLike | None) -> None:
    if values is None:
        digest.update(b"none")
        return
    digest.update(f"{values.dtype.descr if values.dtype.names else values.dtype.str}{values.shape}".encode())
    if not values.shape:
        digest.update(to_bytes(np.asarray(values[()])))
        return
    row_bytes = max(1, math.prod(values.shape[1:]) * values.dtype.itemsize)
    rows = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, values.shape[0], rows):
        digest.update(to_bytes(np.asarray(values[start : start + rows])))

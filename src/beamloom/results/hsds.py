"""A run's results in a domain of an HSDS server, kept up to date through h5pyd.

- Only what has changed is sent: of a dataset the rows from the first that differs from what was sent last, of a tree the objects whose
  digest is another one than the server holds. The digest of an object is an attribute of it, ``beamloom_digest``, which is written last;
  so this goes on where it stopped, also after the server or the reducer was away.
- A domain has no versions of its own: who reads while one is sent may see part of the next one.
- Server and user are given by HS_ENDPOINT, HS_USERNAME, HS_PASSWORD and HS_BUCKET, or by the configuration of h5pyd.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import h5pyd
import numpy as np
import numpy.typing as npt

from beamloom.errors import UsageError, UserError
from beamloom.results.arrays import ArrayLike, Converted
from beamloom.results.chunked import FrozenArray
from beamloom.results.files.blocks import block_of, blocks_of
from beamloom.results.files.keeper import MakePlace
from beamloom.results.files.naming import check_template, name_of_run
from beamloom.results.files.place import Place
from beamloom.results.hdf5.catalog import content_digest
from beamloom.results.record import RunRecord
from beamloom.results.tree import Attributes, Dataset, Group, Node

logger = logging.getLogger(__name__)

DIGEST = "beamloom_digest"
RUN = "beamloom_run"
SOMETHING_ELSE = "?"
RETRIES = 1
"""Attempts that h5pyd makes by itself; the keeper makes the others, and tells what is wrong meanwhile."""
TIMEOUT = 20.0


class ServerFault(UserError):
    """The server does not do what it is asked for."""


class _Changed(NamedTuple):
    """An object of the server whose attributes are still to be written."""

    target: Any
    node: Node
    digest: str


class HsdsDomain:
    """The domain of one run."""

    def __init__(self, wanted: str, run: str) -> None:
        """``wanted`` as ``hdf5://home/user/name.h5``; a domain of another run is left as it is, this one is numbered then."""
        self._wanted = wanted
        self._run = run
        self._domain: str | None = None
        self._file: Any = None
        self._sent: dict[str, ArrayLike] = {}
        self.left_out: dict[str, str] = {}
        """Paths of the last version in whose place is a sentence, and why."""
        self.written = 0
        """Bytes of datasets that the last version sent."""

    @property
    def where(self) -> str:
        """The domain."""
        return self._domain or self._wanted

    def keep(self, tree: Group, *, last: bool = False) -> None:
        """Send what has changed. Raises ServerFault."""
        try:
            if self._file is None:
                self._file = self._open()
            self._send(tree)
        except UserError:
            self._forget()
            raise
        except Exception as error:  # h5pyd raises what requests, the server and numpy raise
            self._forget()
            raise ServerFault(
                f"{type(error).__name__}: {error}; look whether the server at HS_ENDPOINT is there and lets HS_USERNAME write"
            ) from error

    def close(self) -> None:
        """Leave the domain."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _forget(self) -> None:
        """What the server holds is no longer certain: it is asked again before the next attempt."""
        self._file = None
        self._sent = {}

    def _open(self) -> Any:
        for domain in _numbered(self._wanted):
            owner = _run_in(domain)
            if owner is None:
                _make_folders(domain)
            elif owner not in ("", self._run):
                continue
            if domain not in (self._domain, self._wanted):
                logger.warning(
                    "%s is there already and is left as it is; this run is kept as %s", self._wanted, domain
                )
            file = _open(domain, "x" if owner is None else "r+")
            # Until the first flush h5pyd takes what the server holds for something that it has still to send.
            file.flush()
            if owner != self._run:
                # A server that was killed may have kept a domain and not what was in it.
                file.attrs[RUN] = self._run
            self._domain = domain
            return file
        raise AssertionError("numbers do not end")

    def _remove(self, group: Any, name: str) -> None:
        """Remove an object now: h5pyd cannot remove and make one of the same name at once."""
        del group[name]
        self._file.flush()

    def _send(self, tree: Group) -> None:
        self.left_out, self.written = {}, 0
        changed: list[_Changed] = []
        sent: dict[str, ArrayLike] = {}
        self._send_group(self._file, tree, "", changed, sent)
        # h5pyd can write an attribute anew only when its removal has reached the server.
        self._file.flush()
        for one in changed:
            _write_attributes(one.target, one.node.attributes)
            one.target.attrs[DIGEST] = one.digest
        self._file.flush()
        self._sent = sent

    def _send_group(
        self, group: Any, node: Group, path: str, changed: list[_Changed], sent: dict[str, ArrayLike]
    ) -> None:
        digest = content_digest(node, self._run).hex()
        if group.attrs.get(DIGEST) != digest:
            for name in set(group) - set(node.children):
                self._remove(group, name)
            changed.append(_changed(group, node, digest))
        for name, child in node.children.items():
            here = f"{path}/{name}"
            existing = group.get(name)
            if existing is not None and isinstance(child, Group) != isinstance(existing, h5pyd.Group):
                self._remove(group, name)
                existing = None
            if isinstance(child, Group):
                self._send_group(
                    existing if existing is not None else group.create_group(name), child, here, changed, sent
                )
            else:
                self._send_dataset(group, name, existing, child, here, changed, sent)

    def _send_dataset(
        self,
        group: Any,
        name: str,
        existing: Any,
        node: Dataset,
        path: str,
        changed: list[_Changed],
        sent: dict[str, ArrayLike],
    ) -> None:
        before, now = self._sent.get(path), _source(node.values)
        try:
            digest = content_digest(node, self._run).hex()
            if existing is not None and existing.attrs.get(DIGEST) == digest:
                if now is not None:
                    sent[path] = now
                return
            dataset = self._write(group, name, existing, node.values, before)
            changed.append(_changed(dataset, node, digest))
        except (TypeError, ValueError, KeyError, NotImplementedError) as error:
            self.left_out[path] = f"{type(error).__name__}: {error}"
            if name in group:
                self._remove(group, name)
            group.create_dataset(name, data=f"This could not be sent: {self.left_out[path]}")
            return
        if now is not None:
            sent[path] = now

    def _write(self, group: Any, name: str, existing: Any, values: ArrayLike | None, before: Any) -> Any:
        if existing is not None and not _fits(existing, values):
            self._remove(group, name)
            existing, before = None, None
        if values is None:
            return (
                existing if existing is not None else group.create_dataset(name, data=h5pyd.Empty(np.float64))
            )
        if existing is None:
            before = None
            dtype = _sent_dtype(values.dtype)
            if not values.shape:
                return group.create_dataset(name, data=_scalar(values), dtype=dtype, shape=())
            most = (None, *values.shape[1:])
            existing = group.create_dataset(name, values.shape, dtype, maxshape=most)
        elif not values.shape:
            existing[()] = _scalar(values)
            return existing
        elif existing.shape != values.shape:
            existing.resize(values.shape)
        self._write_blocks(existing, values, before)
        return existing

    def _write_blocks(self, dataset: Any, values: ArrayLike, before: ArrayLike | None) -> None:
        if 0 in values.shape:
            return
        for key in blocks_of(values):
            part = block_of(values, key)
            rows = _changed_rows(before, part, key)
            if rows.start == rows.stop:
                continue
            self.written += part[rows].nbytes
            start = key[0].start if key and isinstance(key[0], slice) else 0
            if key and not isinstance(key[0], slice):
                dataset[key] = _sendable(part)
            else:
                dataset[start + rows.start : start + rows.stop] = _sendable(part[rows])


def _changed_rows(before: ArrayLike | None, part: npt.NDArray[Any], key: Any) -> slice:
    """From the first row that changed to the last one."""
    everything = slice(0, len(part))
    if before is None or part.dtype.kind == "O" or (key and not isinstance(key[0], slice)):
        return everything
    start = key[0].start if key else 0
    old = np.asarray(before[start : start + len(part)])
    if old.shape[1:] != part.shape[1:] or old.dtype != part.dtype:
        return everything
    same = (old == part[: len(old)]) | ((old != old) & (part[: len(old)] != part[: len(old)]))
    changed = np.flatnonzero(~same.reshape(len(old), -1).all(axis=1))
    first = int(changed[0]) if len(changed) else len(old)
    last = len(part) if len(part) > len(old) else int(changed[-1]) + 1 if len(changed) else first
    return slice(first, last)


def _fits(existing: Any, values: ArrayLike | None) -> bool:
    """Whether a dataset of the server can be written anew as it is, or longer or shorter."""
    if values is None or existing.shape is None or existing.dtype != _sent_dtype(values.dtype):
        return False
    if existing.shape == values.shape:
        return True
    may_grow = bool(existing.shape) and existing.maxshape is not None and existing.maxshape[0] in (None, 0)
    return may_grow and bool(existing.shape[1:] == tuple(values.shape[1:]))


def _source(values: ArrayLike | None) -> ArrayLike | None:
    """What tells later which part has changed: an array that never changes, None where there is none."""
    if isinstance(values, Converted):
        return None
    return values if isinstance(values, np.ndarray | FrozenArray) else None


def _sent_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Complex numbers as records of r and i, as h5py has them."""
    if dtype.kind != "c":
        return dtype
    part = np.dtype(f"{dtype.byteorder}f{dtype.itemsize // 2}")
    return np.dtype([("r", part), ("i", part)])


def _sendable(part: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(part).view(_sent_dtype(part.dtype)) if part.dtype.kind == "c" else part


def _scalar(values: ArrayLike) -> Any:
    part = _sendable(np.asarray(values[()]).reshape(1))
    return part[0]


def _changed(target: Any, node: Node, digest: str) -> _Changed:
    """An object that has changed; its attributes are removed, and written when that has reached the server."""
    for name in [name for name in target.attrs if name != RUN]:
        del target.attrs[name]
    return _Changed(target, node, digest)


def _write_attributes(target: Any, attributes: Attributes) -> None:
    for name, value in attributes.items():
        try:
            _write_attribute(target, name, value)
        except (TypeError, ValueError, KeyError, NotImplementedError) as error:
            target.attrs[name] = f"This could not be sent: {type(error).__name__}: {error}"


def _write_attribute(target: Any, name: str, value: ArrayLike | None) -> None:
    if value is None:
        target.attrs[name] = h5pyd.Empty(np.float64)
        return
    part = np.asarray(value[...])
    whole = part[()] if not part.shape else part
    target.attrs.create(name, whole, shape=value.shape, dtype=value.dtype)


def _numbered(wanted: str) -> Iterator[str]:
    yield wanted
    folder, slash, name = wanted.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    for number in itertools.count(1):
        numbered = f"{stem}_{number}{dot}{ending}" if dot else f"{name}_{number}"
        yield f"{folder}{slash}{numbered}"


def _connection() -> dict[str, Any]:
    """Server and user by the environment as it is now (h5pyd looks there once in its life); h5pyd's configuration for the rest."""
    names = {
        "endpoint": "HS_ENDPOINT",
        "username": "HS_USERNAME",
        "password": "HS_PASSWORD",
        "bucket": "HS_BUCKET",
    }
    given = {name: os.environ[variable] for name, variable in names.items() if variable in os.environ}
    return {"retries": RETRIES, **given}


def _open(domain: str, mode: str) -> Any:
    """A domain as a file. h5pyd silences the log of the whole process when it opens one, which is undone here."""
    log = logging.getLogger()
    level = log.level
    try:
        return h5pyd.File(domain, mode, **_connection(), timeout=TIMEOUT)
    finally:
        log.setLevel(level)


def _run_in(domain: str) -> str | None:
    """The run whose results a domain holds, empty where it holds nothing; None where there is no such domain."""
    try:
        with _open(domain, "r") as file:
            return str(file.attrs.get(RUN, SOMETHING_ELSE if len(file) else ""))
    except FileNotFoundError:
        return None


def _make_folders(domain: str) -> None:
    """Make the folders above a domain, as far as they are missing and the server lets us."""
    parts = domain.removeprefix("hdf5:/").strip("/").split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        with contextlib.suppress(OSError):
            h5pyd.Folder(f"/{'/'.join(parts[:depth])}/", mode="x", **_connection()).close()


def domains(template: str, name: str) -> MakePlace:
    """How the domain of a run is made; ``name`` is that of the reducer. Raises UsageError."""
    check_template(template, "hsds_url")
    if not template.startswith("hdf5://"):
        raise UsageError(f"hsds_url: {template!r} is no domain; write hdf5://home/beamline/{{run}}.h5")

    def make(record: RunRecord) -> Place:
        return HsdsDomain(name_of_run(template, record.run, record.started or time.time(), name), record.run)

    return make

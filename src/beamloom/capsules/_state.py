"""The state of a user's instance as pickles, up to a number of bytes.

Policy: nothing is copied before a call, as that would cost each event something. So what is kept is the state after the call has failed,
and it says so: what the call had changed until then is changed in it.

An instance that cannot be pickled in one piece, as it holds a lock or a connection, is kept by its attributes, and those that cannot be
are named with the reason.
"""

from __future__ import annotations

import pickle
from typing import Any

from beamloom.analysis import GiveFeedback, StartRule
from beamloom.capsules._capsule import KeptState

LONGEST_REASON = 200


class TooLarge(Exception):
    """More bytes than there is room for."""


class _Bounded:
    """A file in memory that takes so many bytes and no more."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._chunks: list[bytes] = []

    def write(self, chunk: Any) -> int:
        size = memoryview(chunk).nbytes
        self._left -= size
        if self._left < 0:
            raise TooLarge
        self._chunks.append(bytes(chunk))
        return size

    def content(self) -> bytes:
        return b"".join(self._chunks)


def keep_state(instance: Any, limit: int, *, when: str = "after") -> KeptState:
    """The state of ``instance`` in at most ``limit`` bytes; what of it cannot be kept is named. Raises nothing that the instance raises."""
    limit = max(limit, 0)
    if instance is None:
        return KeptState(when=when, missing={"the instance": "there was none"})
    try:
        return KeptState(when=when, whole=_pickled(instance, limit))
    # Pickling runs the user's code, which may raise anything.
    except Exception as error:  # noqa: BLE001
        reason = _reason(error, limit)
    parts: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    attributes = getattr(instance, "__dict__", None)
    if not isinstance(attributes, dict):
        return KeptState(when=when, missing={"the instance": reason})
    for name, value in list(attributes.items()):
        if isinstance(value, GiveFeedback | StartRule):
            continue  # each instance is given its own
        try:
            parts[str(name)] = pickled = _pickled(value, limit)
            limit -= len(pickled)
        except Exception as error:  # noqa: BLE001
            missing[str(name)] = _reason(error, limit)
    return KeptState(when=when, parts=parts, missing=missing)


def _pickled(value: Any, limit: int) -> bytes:
    written = _Bounded(limit)
    pickle.Pickler(written, protocol=5).dump(value)
    return written.content()


def _reason(error: Exception, limit: int) -> str:
    if isinstance(error, TooLarge):
        return f"it is larger than the {limit} bytes that there was room for (capsule_bytes)"
    try:
        return f"{type(error).__name__}: {error}"[:LONGEST_REASON]
    except Exception:  # noqa: BLE001  the text of an exception is the user's code, too
        return type(error).__name__

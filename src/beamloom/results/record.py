"""What a run was: kept with its results, so that a file answers by itself how its numbers came about."""

from __future__ import annotations

import functools
import re
from importlib import metadata
from typing import Any

import msgspec


class EpochRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters that held from one event on."""

    epoch: int
    first_event: int | None = None
    """The first event with these parameters; None while there is none."""
    parameters: dict[str, Any] = {}
    """Readable values by name."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one run beside its results. Times are Unix times in seconds."""

    run: str
    started: float | None = None
    ended: float | None = None
    """None while it goes on."""
    trigger_map: str | None = None
    """As JSON."""
    epochs: tuple[EpochRecord, ...] = ()
    devices: dict[str, str] = {}
    """The device of each stream."""
    worker_classes: list[str] = []
    """As module:Class."""
    worker_code: dict[str, Any] = {}
    """The version of the workers' code, as their build wrote it down."""
    editions: list[dict[str, Any]] = []
    """Which code of the workers has made which events of the result; ``events`` None: all that no other has."""
    coverage: dict[str, Any] = {}
    """Which events are in the results, and what became of the others."""
    code: dict[str, Any] = {}
    """The version of the analysis, as its build wrote it down."""
    packages: dict[str, str] | None = {}
    """Versions of all installed packages by name: what the analysis imports is among them. None: those of this process."""
    again_of: str | None = None
    """The run whose recording was reduced again for this one; None where it was measured."""
    changed: dict[str, Any] = {}
    """What was changed for that: parameters by name, and ``:worker``, ``:reducer``, ``:analysis``, ``:events`` with a colon before."""


_NAME = re.compile(r"^Name:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
_VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)


@functools.cache
def _package_versions() -> tuple[tuple[str, str], ...]:
    # Two lines of each: to parse all that packages say of themselves takes a third of a second, with a hundred of them.
    found: dict[str, str] = {}
    for one in metadata.distributions():
        text = (one.read_text("METADATA") or one.read_text("PKG-INFO") or "").partition("\n\n")[0]
        name, version = _NAME.search(text), _VERSION.search(text)
        # A broken installation has packages without a name.
        if name is not None and version is not None:
            found.setdefault(name[1], version[1])
    return tuple(sorted(found.items(), key=lambda item: item[0].lower()))


def package_versions() -> dict[str, str]:
    """The version of every package that is installed here, by name; looked up once in the life of a process."""
    return dict(_package_versions())

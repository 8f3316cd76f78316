"""What a run was: kept with its results, so that a file answers by itself how its numbers came about."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import msgspec

PACKAGES = ("beamloom", "numpy", "h5py", "scipy")
"""Packages whose versions are told, where they are installed; beside those that the analysis brings."""


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
    coverage: dict[str, Any] = {}
    """Which events are in the results, and what became of the others."""
    code: dict[str, Any] = {}
    """The version of the analysis, as its build wrote it down."""
    packages: dict[str, str] = {}
    """Versions of installed packages by name."""


def package_versions(names: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """The installed versions of these packages; what is not installed is left out."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found

"""The publish tree at one version, and who hands it out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from beamloom.errors import UserError


class Changing(UserError):
    """The tree was changed each time while it was read."""


class Unreadable(UserError):
    """Code of the analysis failed while its tree was read."""


@dataclass(frozen=True)
class Snapshot:
    """A publish tree at one version of one run."""

    version: int
    """Counts up whenever the tree may have changed."""
    run: str | None
    publish: Mapping[str, Any] | None
    """None while there is no tree."""
    lock: AbstractContextManager[Any] | None = None
    """Held while the tree is read: the analysis' own, where it has one."""


class ResultsReader(Protocol):
    """Where the tree and the status come from."""

    async def snapshot(self) -> Snapshot:
        """The tree as it is now."""

    async def status(self) -> dict[str, Any]:
        """How far the reducer is."""

"""The publish tree at one version, and who hands it out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from beamloom.engine.accounts.coverage import Coverage
from beamloom.errors import UserError
from beamloom.results.versions import Versions


class Changing(UserError):
    """The tree was changed each time while it was read."""


class Unreadable(UserError):
    """Code of the analysis failed while its tree was read."""


class Ended(UserError):
    """There will be no more snapshots."""


class NotYet(Ended):
    """There are no snapshots at the moment; ask again soon."""


@dataclass(frozen=True)
class Snapshot:
    """A publish tree at one version of one run."""

    version: int
    """Counts up whenever something in the tree, or what is known of its events, has changed."""
    run: str | None
    publish: Mapping[str, Any] | None
    """None while there is no tree."""
    lock: AbstractContextManager[Any] | None = None
    """Held while the tree is read: the analysis' own, where it has one."""
    versions: Versions | None = None
    """At which version each part last changed; None where that is not known, and all counts as changed."""
    life: str = ""
    """Of the process that counts the versions."""
    coverage: Coverage | None = None
    """Which events are in it, and what became of the others; None where nobody counts them."""
    at: float = 0.0
    """When this version was taken (Unix time, s)."""

    def version_of(self, steps: tuple[str, ...]) -> int:
        """At which version the part at these steps last changed."""
        return self.version if self.versions is None else self.versions.of(steps).version

    def changed_since(self, version: int, steps: tuple[str, ...] = ()) -> list[str]:
        """Paths of what has changed after ``version``, at or below these steps; none is within another."""
        if self.versions is None:
            return ["$" + "".join(steps)] if self.version > version else []
        return self.versions.of(steps).since(version, steps)


class ResultsReader(Protocol):
    """Where the tree and the status come from."""

    async def snapshot(self) -> Snapshot:
        """The tree as it is now. Raises Ended."""

    async def newer(self, version: int) -> Snapshot:
        """The tree as soon as it has a later version, which may be never. Raises Ended."""

    async def status(self) -> dict[str, Any]:
        """How far the reducer is."""

"""What came of a replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from beamloom.engine.accounts.coverage import NOTHING, Coverage
from beamloom.engine.accounts.faults import FailureGroup
from beamloom.engine.accounts.ledger import Counts
from beamloom.engine.feedback import Feedback
from beamloom.engine.provenance import EpochRecord
from beamloom.engine.ranges import RangeSet
from beamloom.services.controller.active_run import ActiveRun


class ReplayReport(msgspec.Struct, frozen=True):
    """What came of a replay."""

    counts: Counts
    failures: list[FailureGroup]
    losses: list[tuple[str, RangeSet]]
    """Lost events, by cause."""
    remarks: list[str]
    """Sentences on the recordings: one that breaks off, packets that belong to no event."""
    publish: dict[Any, Any]
    """What the reducer published in the end: its own dictionary."""
    seconds: float
    degraded: str | None = None
    """Why more events have failed than may; None where they have not."""
    clean: bool = True
    """Whether nothing failed, or no more events than may."""
    capsules: Path | None = None
    """The folder of the capsules that the groups of failures name."""
    feedback: list[Feedback] = []
    """What the analysis has said, in order; at most the last 10,000 pieces."""
    stopped: str | None = None
    """Why the run ended early; None where it did not."""
    coverage: Coverage = NOTHING
    """Which events are in what was published."""
    epochs: list[EpochRecord] = []
    """The parameters, with the events that they held from."""


class Standing:
    """What a replay that goes on has come to; true until the next turn of its services."""

    def __init__(self, active: ActiveRun, publish: dict[Any, Any]) -> None:
        self._active = active
        self.publish = publish
        """What the reducer publishes: its own dictionary."""

    @property
    def settled(self) -> int:
        """Events that are reduced, failed or lost."""
        return self._active.run.ledger.settled_count

    @property
    def coverage(self) -> Coverage:
        """Which events are in what is published."""
        return Coverage.of(self._active.run.run_id, self._active.run.ledger, over=False)

    @property
    def epochs(self) -> list[EpochRecord]:
        """The parameters, with the events that they held from."""
        return list(self._active.epochs)

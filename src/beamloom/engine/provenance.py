"""What the controller knows of a run, as it travels to whoever keeps the result."""

from __future__ import annotations

from typing import Any

import msgspec


class EpochRecord(msgspec.Struct, frozen=True):
    """Parameters that held from an event on."""

    epoch: int
    first_event: int
    values: dict[str, Any]
    """By name, as plain JSON."""


def add_epoch(records: list[EpochRecord], new: EpochRecord) -> EpochRecord | None:
    """Append an epoch; one that was to begin with the same event has held for none, and is taken out and returned."""
    replaced = records.pop() if records and records[-1].first_event == new.first_event else None
    records.append(new)
    return replaced


class RunFacts(msgspec.Struct, frozen=True):
    """What is known of a run when it begins."""

    armed_at: float
    """Unix time, s."""
    trigger_map: str
    """As it was given, JSON."""
    devices: dict[str, str]
    """The device of each stream."""
    worker_classes: list[str] = []
    """As module:Class."""
    worker_code: dict[str, str] = {}
    """Version of the workers' code: commit_hash, branch_name, timestamp, repository_url; empty where it is not known."""

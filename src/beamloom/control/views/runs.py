"""What the controller's HTTP API says, as plain dictionaries: computed in the controller's thread from what it knows."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from beamloom.engine.accounts.coverage import NOTHING, Coverage, losses_by_cause
from beamloom.engine.provenance import EpochRecord
from beamloom.engine.ranges import RangeSet
from beamloom.engine.runs.run import Run
from beamloom.engine.views.digest import Digest
from beamloom.triggermap import TriggerMap
from beamloom.triggermap import summary as table_summary

EVENTS_LISTED = 100_000
"""Most event numbers that are listed one by one."""
RANGES_LISTED = 100
"""Most ranges of events that are written as text: progress is asked for often, and must not grow with a run that goes wrong."""


class RunRecord(Protocol):
    """A run as the controller keeps it."""

    started_at: float
    finished_at: float | None
    record_prefix: str

    @property
    def epochs(self) -> Sequence[EpochRecord]:
        """The parameters that held, from the first event on."""

    @property
    def run(self) -> Run:
        """The run itself."""

    @property
    def written(self) -> TriggerMap:
        """Its map in the words in which it was given."""

    @property
    def finished(self) -> bool:
        """Whether it is over."""

    @property
    def digest(self) -> Digest:
        """It in short."""

    @property
    def coverage(self) -> Coverage:
        """Which events are in its result."""


def progress(record: RunRecord | None) -> dict[str, Any]:
    """How far the run is: the numbers that scan software polls, and the ledger's."""
    if record is None:
        return {
            "last_assigned": 0, "completed_events": 0, "total_events": 0, "finished": False, "run": None,
            "phase": "idle", "reduced": 0, "failed": 0, "lost": 0, "pending": 0, "assigned": 0, "redelivered": 0,
            "handed_back": 0, "quarantined": 0, "errors": [],
            "losses": [], "stopped": None, "aborted": False, "degraded": None, "max_failed": None,
        }  # fmt: skip
    run = record.run
    counts = run.ledger.counts()
    return {
        "last_assigned": run.last_assigned,
        "completed_events": run.ledger.settled_count,
        "total_events": counts.total,
        "finished": record.finished,
        "run": run.run_id,
        "phase": "finished" if record.finished else str(run.phase),
        "reduced": counts.reduced,
        "failed": counts.failed,
        "lost": counts.lost,
        "pending": counts.pending,
        "assigned": counts.assigned,
        "redelivered": run.redelivered,
        "handed_back": run.handed_back,
        "quarantined": len(run.faults.quarantined),
        "errors": [
            {
                "where": group.failure.where,
                "error": group.failure.error,
                "message": group.failure.message,
                "events": as_text(group.events),
                "count": group.count,
            }
            for group in run.faults.groups
        ],
        "losses": losses(run),
        "stopped": run.stop_cause,
        "aborted": run.aborted,
        **budget(run),
    }


def budget(run: Run) -> dict[str, Any]:
    """How many events may fail, and why too many have."""
    return {"degraded": run.degraded, "max_failed": str(run.max_failed) if run.max_failed else None}


def losses(run: Run) -> list[dict[str, Any]]:
    """The lost events, by cause."""
    return [
        {"cause": cause, "events": as_text(events), "count": len(events)}
        for cause, events in losses_by_cause(run.ledger.losses)
    ]


def ledger(record: RunRecord | None) -> dict[str, Any]:
    """The coverage, how far events have been given out, and which code has made what."""
    return {
        **coverage(record),
        "assigned_until": 0 if record is None else record.run.ledger.assigned_until,
        "editions": [] if record is None else editions(record.run),
    }


def editions(run: Run) -> list[dict[str, Any]]:
    """Which code has made which events of the result; of several deliveries of an event, the last."""
    return [
        {
            "edition": one.edition.number,
            "first_event": one.first_event,
            "classes": one.edition.classes,
            "digest": one.edition.digest,
            "code": one.edition.code,
            "events": as_text(run.editions.made(one.edition.number, run.ledger.reduced)),
        }
        for one in run.editions.records
    ]


def coverage(record: RunRecord | None) -> dict[str, Any]:
    """Which events are in the result: in the form in which the reducer answers for what it publishes."""
    return (NOTHING if record is None else record.coverage).to_json()


def outcome(record: RunRecord) -> str:
    """What became of a run, in a word: ``running``, ``complete`` (every event is reduced), ``incomplete``, ``stopped`` or ``aborted``."""
    if record.finished_at is None:
        return "running"
    digest = record.digest
    if digest.aborted:
        return "aborted"
    if digest.stop_cause is not None:
        return "stopped"
    return "complete" if digest.complete else "incomplete"


def summary(record: RunRecord, reducer: str | None = None) -> dict[str, Any]:
    """One line of the list of runs; ``reducer`` is the address that its results are read at."""
    digest = record.digest
    where = "result" if record.finished_at is None else f"runs/{digest.run}/result"
    return {
        "run": digest.run,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "seconds": (record.finished_at or time.time()) - record.started_at,
        "total_events": digest.counts.total,
        "reduced": digest.counts.reduced,
        "failed": digest.counts.failed,
        "lost": digest.counts.lost,
        "stopped": digest.stop_cause,
        "aborted": digest.aborted,
        "degraded": digest.degraded,
        "max_failed": digest.max_failed,
        "clean": digest.clean,
        "outcome": outcome(record),
        "result": None if reducer is None else f"{reducer}/api/v1/{where}",
        "streams": list(digest.streams),
    }


def detail(record: RunRecord) -> dict[str, Any]:
    """All that people ask of one run; ``epochs`` None: they are not known any more."""
    epochs = msgspec.to_builtins(record.epochs)
    # A run has one from its beginning on: without, it was kept by a version that did not keep them.
    return {
        **summary(record),
        "map": table_summary(record.written),
        "coverage": record.coverage.to_json()["sentence"],
        "epochs": epochs or None,
        "editions": editions(record.run),
        "kinds_of_failure": len(record.run.faults.groups),
        # Whoever reads it may be in another folder.
        "recording": os.path.join(os.getcwd(), record.record_prefix) if record.record_prefix else None,
    }


def as_text(events: RangeSet, limit: int = RANGES_LISTED) -> str:
    """Ranges for people: ``3, 7-12``; what is beyond ``limit`` ranges is only counted."""
    ranges = list(itertools.islice(events, limit))
    texts = [str(first) if stop == first + 1 else f"{first}-{stop - 1}" for first, stop in ranges]
    left = len(events) - sum(stop - first for first, stop in ranges)
    return ", ".join(texts) + (f" and {left} more" if left else "")


def one_by_one(events: RangeSet, limit: int = EVENTS_LISTED) -> list[int]:
    """The event numbers themselves, at most ``limit`` of them."""
    listed: list[int] = []
    for first, stop in events:
        listed.extend(range(first, min(stop, first + limit - len(listed))))
        if len(listed) >= limit:
            break
    return listed

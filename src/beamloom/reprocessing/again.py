"""One result that is made again: what is wished, made ready, run, and told of.

It is a replay: the same services, the same scheduler, the recorded map, the recorded parameters from their events on. What is changed for
it stands in its record, with the version of the code that made it.
"""

from __future__ import annotations

import hashlib
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from beamloom.control.answers.forms import MadeAgain, ParameterEpoch, RunDetail
from beamloom.errors import UsageError
from beamloom.recordings.kept_analysis import KeptAnalysis
from beamloom.replay import Audience, Replay, ReplayReport, Standing
from beamloom.reprocessing.found import RecordedRun
from beamloom.results.record import EpochRecord, RunRecord, package_versions
from beamloom.services.shell.code_version import build_metadata
from beamloom.triggermap import summary as map_summary

USUAL_WORKERS = 2
"""Where nobody knows how many the run had."""


@dataclass(frozen=True)
class Wish:
    """What is to be other than it was; what is left out is as in the recorded run."""

    parameters: Mapping[str, bytes] = field(default_factory=dict)
    """Values that hold for all events."""
    worker: str | None = None
    reducer: str | None = None
    folder: Path | None = None
    """From where the classes are imported."""
    events: tuple[int, int | None] | None = None
    workers: int | None = None
    """None: as many as the run had when it began, so that what goes to all of them comes as often as it did."""

    @property
    def changed(self) -> dict[str, Any]:
        """The same for records and people."""
        said: dict[str, Any] = {name: _said(value) for name, value in self.parameters.items()}
        others = {":worker": self.worker, ":reducer": self.reducer, ":analysis": self.folder}
        said |= {name: str(value) for name, value in others.items() if value is not None}
        if self.events is not None:
            said[":events"] = _range(self.events)
        return said


class Again:
    """A result of a recorded run that is made again."""

    def __init__(
        self,
        recorded: RecordedRun,
        wish: Wish,
        *,
        capsules: Path | None = None,
        max_failed: int | str = "",
        live: bool = False,
    ) -> None:
        """Reads the recording and loads the classes. Raises a UserError for whatever is in the way.

        ``live``: the run goes on, and its recording is read as it grows.
        """
        kept = recorded.analysis or KeptAnalysis()
        self.recorded = recorded
        self.wish = wish
        self.run_id = str(uuid.uuid4())
        self.worker = wish.worker or _only(kept.worker_classes, recorded)
        self.reducer = wish.reducer or kept.reducer_class or _no_reducer(recorded)
        there = Path(kept.folder) if kept.folder and Path(kept.folder).is_dir() else Path.cwd()
        self.replay = Replay(
            self.worker,
            self.reducer,
            recorded.files,
            changed=wish.parameters,
            events=wish.events,
            workers=(kept.workers or USUAL_WORKERS) if wish.workers is None else wish.workers,
            enough=wish.workers is None,
            folder=wish.folder or there,
            capsules=capsules,
            max_failed=max_failed,
            feedback_stops=False,  # what it says is for an experiment that goes on: here all events are to be in the result
            growing=recorded.is_over if live else None,
        )
        self.started_at = time.time()
        self.code = {"worker": _code(self.worker), "reducer": _code(self.reducer)}
        """Which versions of the classes these are."""

    @property
    def total(self) -> int:
        """How many events the run has."""
        return self.replay.trigger_map.total_events or 0

    def run(self, audience: Audience, port: int | None = None, *, keep_alive: bool = False) -> ReplayReport:
        """Make it. Raises a UserError when it cannot begin."""
        self.started_at = time.time()
        return self.replay.run(port=port, keep_alive=keep_alive, audience=audience)

    def told(self, done: int, report: ReplayReport | None = None, *, given_up: bool = False) -> MadeAgain:
        """How far it is, for the controller; with ``report`` what came of it."""
        state: Literal["running", "finished", "given up"] = "running" if report is None else "finished"
        detail = None if report is None else self._detail(report)
        return MadeAgain(
            self.run_id,
            self.recorded.run,
            self.wish.changed,
            self.started_at,
            done,
            self.total,
            "given up" if given_up else state,
            detail,
        )

    def record(self, report: ReplayReport | Standing) -> RunRecord:
        """What is kept with the result, or with what there is of it."""
        return RunRecord(
            run=self.run_id,
            started=self.started_at,
            ended=self.started_at + report.seconds if isinstance(report, ReplayReport) else None,
            trigger_map=self.replay.trigger_map.encode().decode(),
            epochs=tuple(
                EpochRecord(epoch=one.epoch, first_event=one.first_event, parameters=one.values)
                for one in report.epochs
            ),
            worker_classes=[self.worker],
            worker_code=self.code["worker"],
            coverage=self._coverage(report),
            code=self.code["reducer"],
            packages=package_versions(),
            again_of=self.recorded.run,
            changed=self.wish.changed,
        )

    def _coverage(self, report: ReplayReport | Standing) -> dict[str, Any]:
        return {**report.coverage.to_json(), "run": self.run_id}

    def _detail(self, report: ReplayReport) -> RunDetail:
        counts = report.counts
        return RunDetail(
            run=self.run_id,
            started_at=self.started_at,
            finished_at=self.started_at + report.seconds,
            seconds=report.seconds,
            total_events=counts.total,
            reduced=counts.reduced,
            failed=counts.failed,
            lost=counts.lost,
            stopped=None,
            aborted=False,
            outcome="complete" if report.coverage.complete else "incomplete",
            result=None,
            streams=list(self.replay.trigger_map.streams),
            again_of=self.recorded.run,
            changed=self.wish.changed,
            degraded=report.degraded,
            clean=report.clean,
            map=map_summary(self.replay.trigger_map),
            coverage=report.coverage.sentence,
            epochs=[ParameterEpoch(one.epoch, one.first_event, one.values) for one in report.epochs],
            kinds_of_failure=len(report.failures),
        )


def _only(classes: list[str], recorded: RecordedRun) -> str:
    if len(classes) == 1:
        return classes[0]
    why = (
        f"run {recorded.run} had workers of {len(classes)} classes ({', '.join(classes)})"
        if classes
        else f"nothing beside the recording of run {recorded.run} says with which class it was analysed"
    )
    raise UsageError(f"{why}; name the one that is meant with --worker module:Class")


def _no_reducer(recorded: RecordedRun) -> str:
    raise UsageError(
        f"nothing beside the recording of run {recorded.run} says which reducer class it had; name one with --reducer module:Class"
    )


def _code(reference: str) -> dict[str, Any]:
    """Which version of a class was run: what its build or its checkout says, and a digest of its file."""
    known: dict[str, Any] = dict(build_metadata(reference))
    file = getattr(sys.modules.get(reference.partition(":")[0]), "__file__", None)
    if file is not None:
        try:
            known["sha256"] = hashlib.sha256(Path(file).read_bytes()).hexdigest()
        except OSError:
            return known
    return known


def _said(value: bytes) -> Any:
    """A value for people: a number as such, short text as it is, anything else by its size."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"{len(value)} bytes"
    if len(text) > 200 or "\0" in text:
        return f"{len(value)} bytes"
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return found if isinstance(found, int | float | bool) else text


def _range(events: tuple[int, int | None]) -> str:
    return f"{events[0]}:{'' if events[1] is None else events[1]}"

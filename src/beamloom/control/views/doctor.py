"""The picture of the pipeline that the doctor looks at, and what the doctor says of it."""

from __future__ import annotations

import itertools
import time
from typing import Any

import msgspec

from beamloom.control.views.runs import as_text, losses
from beamloom.control.views.waits import waits_of, wall
from beamloom.doctor import Departure, Disk, Gravity, ProcessView, RunView, Situation, StreamView, examine
from beamloom.doctor.situation import LossView, Warned
from beamloom.engine.feedback import WARNING
from beamloom.triggermap import TriggerMapError
from beamloom.version import VERSION

CAUSES_SHOWN = 20


def diagnosis(controller: Any) -> dict[str, Any]:
    """All that is wrong, as data."""
    situation = situation_of(controller)
    found = examine(situation)
    run = situation.run
    return {
        "healthy": all(finding.gravity is Gravity.NOTE for finding in found),
        "at": situation.now,
        "version": situation.version,
        "run": None if run is None else run.run,
        "phase": "idle" if run is None else run.phase,
        "processes": len(situation.processes),
        "findings": msgspec.to_builtins(found),
    }


def situation_of(controller: Any) -> Situation:
    """How things are now."""
    ensemble = controller.ensemble
    processes = tuple(_process(member) for member in ensemble)
    present = {(process.name, process.role) for process in processes}
    latest = {(gone.name, gone.role): gone for gone in controller.lately.departures}
    refusal = controller.lately.refusal
    return Situation(
        now=time.time(),
        version=VERSION,
        processes=processes,
        departures=tuple(
            Departure(gone.name, gone.role, gone.cause, gone.at, key in present)
            for key, gone in latest.items()
        ),
        run=_run(controller),
        obstacles=tuple(_obstacles(controller)),
        refusal=None if refusal is None else refusal[1],
        refused_at=None if refusal is None else refusal[0],
        disks=_disks(controller.disks()),
        disk_low=controller.settings.disk_low,
        heartbeat_interval=max(
            controller.settings.heartbeat_interval, controller.settings.heartbeat_timeout / 5
        ),
    )


def _obstacles(controller: Any) -> list[str]:
    """What is in the way of a run that no finding about a process says already."""
    ensemble = controller.ensemble
    gone = {gone.role for gone in controller.lately.departures}
    found = [
        f"no {role} takes part; start one with 'beamloom {role}'"
        for role, there in (
            ("reducer", ensemble.reducer is not None),
            ("worker", bool(ensemble.workers)),
            ("ingester", bool(ensemble.ingesters)),
        )
        if not there and role not in gone
    ]
    found += controller.split_problems()
    if controller.store_problem is not None:
        found.append(controller.store_problem)
    return found


def _process(member: Any) -> ProcessView:
    register = member.register
    return ProcessView(
        name=member.name,
        role=member.role,
        host=register.host,
        pid=register.pid,
        version=register.version,
        commit=register.code.get("commit_hash", ""),
        analysis=register.analysis,
        tags=tuple(register.tags),
        fault=register.fault,
        alarm=member.notes.get("alarm"),
        heard_at=wall(member.heard_at),
        clock_offset=member.clock_offset,
        waits=waits_of(member),
        disks=_disks(member.notes.get("disks", [])),
        figures=member.figures,
    )


def _disks(told: Any) -> tuple[Disk, ...]:
    try:
        return tuple(msgspec.convert(told, list[Disk]))
    except msgspec.ValidationError:
        return ()


def _run(controller: Any) -> RunView | None:
    active = controller.active
    if active is None:
        return None
    run = active.run
    counts = run.ledger.counts()
    custody = run.custody
    devices = {
        stream: device
        for member in controller.ensemble.ingesters
        for stream, device in member.register.streams.items()
    }
    groups = itertools.islice(sorted(run.faults.groups, key=lambda group: -group.count), CAUSES_SHOWN)
    away = None if custody.away_since is None or active.finished else wall(custody.away_since)
    return RunView(
        run=run.run_id,
        phase="finished" if active.finished else str(run.phase),
        finished=active.finished,
        started_at=active.started_at,
        total_events=counts.total,
        settled=run.ledger.settled_count,
        failed=counts.failed,
        failures=tuple(
            LossView(
                f"{group.failure.where}: {group.failure.error}: {group.failure.message}",
                as_text(group.events, 10),
                group.count,
            )
            for group in groups
        ),
        losses=tuple(
            LossView(loss["cause"], loss["events"], loss["count"]) for loss in losses(run)[:CAUSES_SHOWN]
        ),
        streams=tuple(
            _stream(stream, run, active.reports.by_stream.get(stream), devices) for stream in run.layouts
        ),
        unsuited=None if active.finished else _unsuited(controller),
        reducer_away_since=away,
        reducer_away_cause=custody.cause,
        warnings=tuple(Warned(str(one), one.at) for one in active.feedback.of(WARNING)[-CAUSES_SHOWN:]),
    )


def _stream(stream: str, run: Any, report: Any, devices: dict[str, str]) -> StreamView:
    state = run.standing[stream]
    return StreamView(
        name=stream,
        device=devices.get(stream, ""),
        packets=0 if report is None else report.counts.packets,
        surplus=0 if report is None else report.counts.surplus,
        discarded=0 if report is None else report.discarded_before_start or 0,
        complete_until=state.complete_until,
        ended=state.ended,
        stopped=state.stopped,
        gone=state.gone,
    )


def _unsuited(controller: Any) -> str | None:
    """Why the workers that are there do not suffice for the run; a stream that is gone is told of in its own words."""
    run = controller.active.run
    if run.last_assigned == run.ledger.total:
        return None
    tags = [worker.register.tags for worker in controller.ensemble.workers]
    try:
        run.trigger_map.check(list(run.layouts), tags)
    except TriggerMapError as error:
        return str(error)
    return None

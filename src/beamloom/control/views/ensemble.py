"""What the controller's HTTP API says of the processes of a pipeline."""

from __future__ import annotations

import os
import socket
from typing import Any

from beamloom.control.views import runs as views
from beamloom.control.views.load import stages
from beamloom.control.views.runs import as_text, budget, one_by_one
from beamloom.control.views.waits import silences, stalled, waits
from beamloom.control.views.waits import wall as _wall
from beamloom.version import VERSION

BUSY = ("receiving", "user", "sending")
ALL = ("waiting", *BUSY)


def config(controller: Any) -> dict[str, Any]:
    """The processes that take part."""
    ensemble = controller.ensemble
    workers = {worker.peer: worker for worker in ensemble.workers}
    connected = {
        peer: {"name": worker.name, "service_uuid": peer, "last_seen": _wall(worker.heard_at)}
        for peer, worker in workers.items()
    }
    reducer = ensemble.reducer
    return {
        "controller": {
            "name": controller.settings.name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "url": controller.address,
        },
        "ingesters": [
            {
                **_process(controller, member),
                "connected_workers": connected,
                "streams": list(member.register.streams),
                "devices": dict(member.register.streams),
                **_parts(member),
            }
            for member in ensemble.ingesters
        ],
        "workers": [
            {
                **_process(controller, member),
                "ingesters": [ingester.name for ingester in ensemble.ingesters],
                "tags": list(member.register.tags),
                "role": member.role,
                "drains": member.drains,
            }
            for member in ensemble.workers
        ],
        "reducer": None if reducer is None else _process(controller, reducer),
        "detectors": {
            name: list(detector.streams) for name, detector in controller.settings.detectors.items()
        },
        "controller_version": VERSION,
        "parameters_version": {
            name: str(value.uuid) for name, value in controller.parameters.current.items()
        },
        "parameters_hash": controller.parameters.current.hash,
        "parameters_epoch": controller.epochs.number,
    }


def _parts(member: Any) -> dict[str, Any]:
    """Over how many ingesters its streams are split, where they are."""
    parts = {stream: part.ingesters for stream, part in member.register.parts.items()}
    return {"split_over": parts} if parts else {}


def _process(controller: Any, member: Any) -> dict[str, Any]:
    figures = member.figures
    active = controller.active
    return {
        "name": member.name,
        "service_uuid": member.peer,
        "url": member.register.address,
        "mapping_uuid": None if active is None else active.run.run_id,
        "dranspose_version": member.register.version,
        "mapreduce_version": member.register.code or None,
        "parameters_hash": controller.parameters.current.hash,
        "processed_events": int(figures.get("processed_events", 0)),
        "event_rate": member.rate("processed_events"),
        "host": member.register.host,
        "pid": member.register.pid,
        "http": member.register.http,
        "fault": member.register.fault,
        "last_seen": _wall(member.heard_at),
    }


def _alarms(controller: Any) -> dict[str, str]:
    """What is not being kept, by the process that says so."""
    alarms = {member.name: alarm for member in controller.ensemble if (alarm := member.notes.get("alarm"))}
    recorder = controller.epochs.recorder
    own = [controller.store_problem, None if recorder is None else recorder.problem]
    if any(own):
        alarms[controller.settings.name] = "; ".join(filter(None, own))
    return alarms


def status(controller: Any) -> dict[str, Any]:
    """The run in detail. Which worker did which event is told of what is under way only: nothing here grows with the run."""
    active = controller.active
    asked = {
        "self_arming": controller.self_arming.view(),
        "alarms": _alarms(controller),
        "waits_for": [] if active is None or active.finished else [*_waits_for(active), *_silent(controller)],
        "waits": waits(controller),
        "stalled": stalled(controller),
    }
    if active is None:
        return {
            "work_completed": {}, "last_assigned": 0, "assignment": [], "completed_events": [], "finished": False,
            "processing_times": {}, "quarantined": [], "degraded": None, "max_failed": None, **asked,
        }  # fmt: skip
    run = active.run
    return {
        "work_completed": {},
        "last_assigned": run.last_assigned,
        "assignment": [{member.name: run.outstanding(member.peer) for member in controller.ensemble.workers}],
        "completed_events": one_by_one(run.ledger.settled),
        "completed": as_text(run.ledger.settled),
        "finished": active.finished,
        "quarantined": one_by_one(run.faults.quarantined),
        **budget(run),
        "processing_times": {
            member.name: {str(int(member.figures.get("last_event", -1))): _times(member.figures)}
            for member in controller.ensemble.workers
        },
        **asked,
    }


def _waits_for(active: Any) -> list[dict[str, Any]]:
    """Without which processes the run cannot go on, since when, and why."""
    if active.finished:
        return []
    custody, resuming = active.run.custody, active.resuming
    waits = [
        {"what": "ingester", "stream": stream, "since": _wall(vacant.since), "why": vacant.cause}
        for stream, vacant in active.run.succession.vacant.items()
    ]
    if custody.away_since is None:
        return waits
    wait = {"what": "reducer", "since": _wall(custody.away_since), "why": custody.cause}
    if resuming is not None:
        wait["journal"] = {"done_bytes": resuming[0], "total_bytes": resuming[1]}
    return [wait, *waits]


def _silent(controller: Any) -> list[dict[str, Any]]:
    """The streams that have stalled."""
    return [
        {"what": "stream", "stream": stream, "since": wait.since, "why": wait.why}
        for stream, wait in silences(controller).items()
        if wait.stalled
    ]


def progress(controller: Any) -> dict[str, Any]:
    """How far the run is, which processes it waits for, and which of its streams have stalled."""
    waits_for = [] if controller.active is None else _waits_for(controller.active)
    return {**views.progress(controller.active), "waits_for": waits_for, "stalled": stalled(controller)}


def _times(figures: dict[str, float]) -> dict[str, float]:
    return {
        "get_assignments": figures.get("waiting_seconds", 0.0),
        "get_messages": figures.get("receiving_seconds", 0.0),
        "assemble_event": 0.0,
        "custom_code": figures.get("user_seconds", 0.0),
        "send_result": figures.get("sending_seconds", 0.0),
        "no_events": figures.get("processed_events", 0),
    }


def load(
    controller: Any, intervals: list[int], scan: bool, with_stages: bool = False, seconds: float | None = None
) -> dict[str, Any]:
    """How long each worker worked (``active``) of how long in all (``total``, in seconds), over its last so many events.

    ``with_stages``: of all processes besides, where their time goes (see ``load_view``), since the run began or in the last ``seconds``.
    """
    workers = {
        member.name: {
            "last_event": int(member.figures.get("last_event", -1)),
            "intervals": {
                **{str(events): _interval(member, events) for events in intervals},
                **({"scan": _interval(member, None)} if scan else {}),
            },
        }
        for member in controller.ensemble.workers
    }
    if not with_stages:
        return workers
    nothing: dict[str, Any] = {"last_event": -1, "intervals": {}}
    return {name: {**workers.get(name, nothing), **one} for name, one in stages(controller, seconds).items()}


def _interval(member: Any, events: int | None) -> dict[str, float]:
    if not member.samples:
        return {"total": 0.0, "active": 0.0, "events": 0}
    last = member.samples[-1].figures
    done = last.get("processed_events", 0)
    first: dict[str, float] = member.at_run_start
    if events is not None:
        earlier = (
            s.figures
            for s in reversed(member.samples)
            if s.figures.get("processed_events", 0) <= done - events
        )
        first = next(earlier, member.samples[0].figures)
    spent = {name: last.get(f"{name}_seconds", 0.0) - first.get(f"{name}_seconds", 0.0) for name in ALL}
    return {
        "total": sum(spent.values()),
        "active": sum(spent[name] for name in BUSY),
        "events": int(done - first.get("processed_events", 0)),
    }


def streams(controller: Any) -> dict[str, Any]:
    """What became of the packets of each stream in the run, as its ingester reported last."""
    active = controller.active
    if active is None:
        return {}
    silent = silences(controller)
    return {
        stream: {
            **_report(report),
            "stalled": stream in silent and silent[stream].stalled,
            "silent_since": silent[stream].since if stream in silent else None,
            **_shares(active.reports.by_share.get(stream, {})),
        }
        for stream, report in active.reports.by_stream.items()
    }


def _report(report: Any) -> dict[str, Any]:
    return {
        "complete_until": report.complete_until,
        "ended": report.ended,
        "stopped": report.stopped,
        **{name: getattr(report.counts, name) for name in report.counts.__struct_fields__},
        "discarded_before_start": report.discarded_before_start,
        "reconnects": report.reconnects,
    }


def _shares(reports: dict[str, Any]) -> dict[str, Any]:
    """What each ingester of a stream that is split has reported of its share; nothing for any other stream."""
    return {"shares": {name: _report(report) for name, report in sorted(reports.items())}} if reports else {}


def health(controller: Any) -> dict[str, Any]:
    """Whether a run could be armed now; a sentence for each thing in the way."""
    problems: list[str] = []
    ensemble = controller.ensemble
    if ensemble.reducer is None:
        problems.append("no reducer takes part; start one with 'beamloom reducer'")
    if not ensemble.workers:
        problems.append("no worker takes part; start one with 'beamloom worker'")
    if not ensemble.ingesters:
        problems.append("no ingester takes part; start one with 'beamloom ingester'")
    problems += controller.split_problems()
    if controller.store_problem is not None:
        problems.append(controller.store_problem)
    problems += [
        f"{member.name}: {member.register.fault}"
        for member in ensemble
        if member.register.fault and member is not ensemble.shadow
    ]
    return {"ready": not problems, "problems": problems, "processes": len(list(ensemble))}

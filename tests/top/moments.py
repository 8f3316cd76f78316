"""Moments to draw: what a controller of the showcase answered once, and what is made of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from beamloom.client import Failure, Progress
from beamloom.top.history import History, Moment
from beamloom.top.look import (
    Config,
    Diagnosis,
    Finding,
    Flow,
    Lag,
    Layout,
    Load,
    Look,
    Process,
    Stream,
    StreamFlow,
    Wait,
)

NOW = 1_763_000_000.0
ADDRESS = "http://127.0.0.1:5000"
TRACEBACK = """\
Traceback (most recent call last):
  File "worker.py", line 17, in process_event
ZeroDivisionError: division by zero
"""
STALL = Finding(
    "stream 'stage' is stalled: no packet for 75 s after 1,210 packets, though the device is connected",
    "look whether the device is triggered",
    "trouble",
)

NOTE = Finding("worker-2 was gone and is back", "look at its log", "note")


def a_load(**stages: float) -> Load:
    """Seconds of ten by stage, the rest waiting."""
    waits = [Wait("lease", "", "no event is free for it", NOW - 3)]
    return Load({"waiting": 10.0 - sum(stages.values()), **stages}, 120_000_000, 500_000_000, waits)


def a_flow(state: str = "receiving", **more: Any) -> StreamFlow:
    """A stream of images at 40 packets per second."""
    told = {
        "layout": Layout([256, 256], "uint16"),
        "packets_per_second": 40.0,
        "retained_bytes": 2e7,
        "retention_limit": 1e8,
        **more,
    }
    return StreamFlow(state, **told)


def a_look(
    settled: int = 1201,
    at: float = 10.0,
    *,
    failed: int = 0,
    lost: int = 0,
    findings: tuple[Finding, ...] = (),
    workers: int = 2,
    **progress: Any,
) -> Look:
    """A run in which so many events are settled at ``at`` (s)."""
    told: dict[str, Any] = {
        "run": "3f2a9c1b-0000-4000-8000-000000000000",
        "phase": "running",
        "finished": False,
        "total_events": 5000,
        "completed_events": settled,
        "reduced": settled - failed - lost,
        "failed": failed,
        "lost": lost,
        "assigned": 16,
        "pending": 5000 - settled - 16,
        **progress,
    }
    if failed:
        told["errors"] = [
            {
                "where": "Worker.process_event",
                "error": "ZeroDivisionError",
                "message": "division by zero",
                "events": "3, 7",
                "count": failed,
            }
        ]
    if lost:
        told["losses"] = [{"cause": "the packet of camera was missing", "events": "12", "count": lost}]
    processes = [
        Process(
            f"worker-{n}", settled // workers, 20.0, "beamline7", 100 + n, tags=["generic"], role="worker"
        )
        for n in range(1, workers + 1)
    ]
    ingesters = [Process("camera-ingester", settled, 40.0, "beamline7", 99, streams=["camera"])]
    return Look(
        at,
        NOW,
        msgspec.convert(told, Progress),
        Diagnosis(list(findings), "0.1.0"),
        {
            "camera": Stream(packets=settled + 12, complete_until=settled + 6, gaps=1),
            "stage": Stream(packets=settled + 9, complete_until=settled + 9),
        },
        Config(ingesters, processes, Process("reducer", settled, 40.0, "beamline7", 98)),
        Flow(
            40.0,
            39.5,
            Lag(0.0063),
            {"stage": a_flow(layout=Layout(fields=["x", "y"])), "camera": a_flow()},
        ),
        {
            "camera-ingester": a_load(reading=2.0, sending=1.0),
            "reducer": a_load(user=1.0),
            **{one.name: a_load(user=min(n, 18) / 2, receiving=0.5) for n, one in enumerate(processes)},
        },
    )


def a_moment(look: Look | None = None, **more: Any) -> Moment:
    """The moment after this look, and one 200 events and 5 s before it."""
    look = look or a_look()
    history = History()
    settled = look.progress.completed_events - 200
    before = msgspec.structs.replace(
        look, at=look.at - 5.0, progress=msgspec.structs.replace(look.progress, completed_events=settled)
    )
    history.add(before)
    return dataclasses.replace(Moment(ADDRESS, NOW, look, history.add(look)), **more)


def a_failure(**more: Any) -> Failure:
    """One kind of failure, in detail."""
    told = {
        "where": "Worker.process_event",
        "error": "ZeroDivisionError",
        "message": "division by zero",
        "traceback": TRACEBACK,
        "worker": "worker-1",
        "workers": ["worker-1", "worker-2"],
        "count": 2,
        "events": [3, 7],
        "ranges": [(3, 3), (7, 7)],
        "what_to_do": "mend the line that the traceback ends with",
    }
    return msgspec.convert({**told, **more}, Failure)

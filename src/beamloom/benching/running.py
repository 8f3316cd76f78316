"""What the run of a pipeline that goes on costs its processes, from what they tell the controller."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from beamloom.benching.costs import LiveRun, UserCosts, process_cost
from beamloom.errors import UserError

FEWEST_EVENTS = 100
"""Of fewer, what is told says more of the beginning than of the events."""
LOOK_AGAIN = 0.05
SETTLED = 30.0
"""Seconds in which a process that lives has told anew how it stands."""
COUNTED = ("seconds", "cpu_seconds", "loop_cpu_seconds", "queued_seconds", "events")

Load = Mapping[str, Mapping[str, Any]]
"""By process, as ``/api/v1/load?stages=true`` tells it."""


def watch(ask: Callable[[], Load], seconds: float | None, cores: int) -> tuple[LiveRun, UserCosts]:
    """The costs since the run began, or with ``seconds`` those of so much time from now on.

    Raises UserError where there was next to nothing.
    """
    before = ask() if seconds else {}
    time.sleep(seconds or 0.0)
    told = {name: _since(one, before.get(name)) for name, one in ask().items()}
    processes = [process_cost(name, one) for name, one in told.items()]
    workers = [one for one in told.values() if one["role"] in ("worker", "debugworker")]
    events = sum(one["events"] for one in workers)
    if events < FEWEST_EVENTS:
        raise UserError(
            f"{events} events went through the pipeline, of which nothing can be told; ask while a run goes on, or longer with --seconds, "
            "or name a pipeline file and a recording with -f"
        )
    watched = max(one["seconds"] for one in told.values())
    run = LiveRun(events, watched, len(workers), cores, 0, 0, processes)
    return run, UserCosts(_user(told, "worker") / events, _user(told, "reducer") / events)


def settled(ask: Callable[[], Load]) -> Load:
    """What all processes tell from now on, and so of everything that they have done before; of one that says no more, what it told last."""
    before, deadline = ask(), time.monotonic() + SETTLED
    while True:
        told = ask()
        silent = [
            name for name, one in told.items() if name in before and one["seconds"] == before[name]["seconds"]
        ]
        if not silent or time.monotonic() > deadline:
            return told
        time.sleep(LOOK_AGAIN)


def _user(told: Load, role: str) -> float:
    return sum(float(one["stages"].get("user", 0.0)) for one in told.values() if one["role"] == role)


def _since(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """What has come since the former look; a process that has begun anew by then counts from its beginning."""
    if before is None or now["seconds"] < before["seconds"]:
        return dict(now)
    return {
        **now,
        **{name: now[name] - before[name] for name in COUNTED},
        "stages": {name: value - before["stages"].get(name, 0.0) for name, value in now["stages"].items()},
    }

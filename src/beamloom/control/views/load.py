"""Where the time of each process goes, what waits in it, and how much it says and hears: from the signs of life.

Policy: the stages of a process are told apart as far as it does so itself, and ``other`` is the rest of its time, so that they add up to
``seconds``. What is only a gauge is told as it is now; all else is what came since the process began with the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from beamloom.control.views.waits import waits_of

STAGES = ("waiting", "receiving", "reading", "user", "sending")
"""Of the time of a loop: nothing to do; messages; the device; the analysis; results or packets on their way."""
QUEUES = (
    "held_packets",
    "retained_packets",
    "retained_bytes",
    "spooled_packets",
    "shared_bytes",
    "leased_events",
    "ready_events",
    "unacknowledged",
    "unacknowledged_bytes",
    "unanswered_messages",
)
"""What waits in a process, for want of packets, of processor time, or of somebody's word that it has arrived."""
GAUGES = ("memory_bytes", "memory_limit")
MESSAGES = ("messages_received", "messages_sent", "bytes_received")


def stages(controller: Any, seconds: float | None = None) -> dict[str, dict[str, Any]]:
    """By name, for the controller itself and all other processes; ``seconds``: of all others, over so much of the recent past."""
    if seconds is not None:
        return {one.name: _of_member(one, one.figures_before(seconds)) for one in controller.ensemble}
    own = _stages("controller", controller.figures, controller.figures_at_run_start)
    others = {one.name: _of_member(one, one.at_run_start) for one in controller.ensemble}
    return {controller.settings.name: own, **others}


def _of_member(member: Any, first: Mapping[str, float]) -> dict[str, Any]:
    waits = msgspec.to_builtins(waits_of(member))
    return {**_stages(member.role, member.figures, first), "waits": waits}


def _stages(role: str, last: Mapping[str, float], first: Mapping[str, float]) -> dict[str, Any]:
    def grown(name: str) -> float:
        return last.get(name, 0.0) - first.get(name, 0.0)

    seconds = sum(grown(f"{name}_seconds") for name in ("waiting", "receiving", "turning"))
    spent = {name: grown(f"{name}_seconds") for name in STAGES if f"{name}_seconds" in last}
    # Some of the work is done while a message is heeded: the reducer reduces what it brings, leases let an ingester send.
    within = spent.get("user", 0.0) if role == "reducer" else max(0.0, sum(spent.values()) - seconds)
    spent["receiving"] = max(0.0, spent.get("receiving", 0.0) - within)
    return {
        "role": role,
        "events": int(grown("processed_events")),
        "seconds": seconds,
        "stages": {**spent, "other": max(0.0, seconds - sum(spent.values()))},
        "cpu_seconds": grown("cpu_seconds"),
        "loop_cpu_seconds": grown("loop_cpu_seconds"),
        "queued_seconds": grown("queued_seconds"),
        "messages": {name: int(grown(name)) for name in MESSAGES},
        **{name: int(last[name]) for name in GAUGES if name in last},
        "queues": {name: int(last[name]) for name in QUEUES if name in last},
    }

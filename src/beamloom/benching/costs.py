"""What a run has cost each of its processes, and the rate that these costs allow.

Policy: nothing is guessed. A process is busy when its loop does something other than wait, less the time in which it had to wait for a
processor; user code that sleeps or reads files keeps it busy without using one. Each process has one loop, so that no stage does more
events in a second than fit into a second of that; the workers share theirs; and all of them share the processors. The least of these
rates is the largest that can be sustained, and whose it is is the bottleneck.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

MACHINE = "machine"
WORKERS = "workers"


class ProcessCost(msgspec.Struct, frozen=True):
    """What one process did in a run."""

    name: str
    role: str
    seconds: float
    """How long its loop was watched."""
    busy: float
    """Seconds in which it was busy."""
    cpu: float
    """Seconds of processor time, of all its threads."""
    stages: dict[str, float]
    messages: int
    """Messages that it has taken in."""


class LiveRun(msgspec.Struct, frozen=True):
    """One run of real processes."""

    events: int
    seconds: float
    workers: int
    cores: int
    failed: int
    lost: int
    processes: list[ProcessCost]

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    def each(self, role: str) -> float:
        """Seconds for each event in which the processes of a role were busy, taken together."""
        return sum(one.busy for one in self.processes if one.role == role) / self.events

    @property
    def cpu_each(self) -> float:
        """Seconds of processor time for each event, of all processes."""
        return sum(one.cpu for one in self.processes) / self.events


def process_cost(name: str, told: Mapping[str, Any]) -> ProcessCost:
    """From what ``/api/v1/load?stages=true`` tells of a process."""
    stages = dict(told["stages"])
    active = told["seconds"] - stages.get("waiting", 0.0)
    busy = max(told["loop_cpu_seconds"], active - told["queued_seconds"])
    return ProcessCost(
        name,
        "worker" if told["role"] == "debugworker" else told["role"],
        told["seconds"],
        min(busy, active) if told["loop_cpu_seconds"] else active,
        told["cpu_seconds"],
        stages,
        told["messages"]["messages_received"],
    )


class Limit(msgspec.Struct, frozen=True):
    """The rate beyond which something has no more time."""

    what: str
    """A process, ``workers`` or ``machine``."""
    rate: float
    user_share: float
    """The part of its time that goes into the analysis, from 0 to 1."""


class UserCosts(msgspec.Struct, frozen=True):
    """Seconds for each event that the analysis takes by itself."""

    worker: float
    reducer: float


def limits(run: LiveRun, user: UserCosts, workers: int, *, without_analysis: bool = False) -> list[Limit]:
    """All limits with so many workers, the lowest first; ``without_analysis``: as if the user's code took no time."""
    found = []
    for process in run.processes:
        if process.role != "worker":
            own = user.reducer if process.role == "reducer" else 0.0
            found.append(_limit(process.name, process.busy / run.events, own, 1, without_analysis))
    found.append(_limit(WORKERS, run.each("worker"), user.worker, workers, without_analysis))
    found.append(_limit(MACHINE, run.cpu_each, user.worker + user.reducer, run.cores, without_analysis))
    return sorted(found, key=lambda limit: limit.rate)


def _limit(what: str, cost: float, user: float, servers: int, without_analysis: bool) -> Limit:
    # Alone in a loop the analysis may have been quicker or slower than beside all else.
    user = min(user, cost)
    left = cost - user if without_analysis else cost
    return Limit(what, servers / max(left, 1e-9), 0.0 if without_analysis or not cost else user / cost)

"""Whether Dask workers have room for a process, and why one waits; workers are as the scheduler tells of them.

A Dask worker holds as many processes as it has threads, and what they need of its resources. Dask queues a task at one of its workers, and
leaves it there also where another one comes to have room: such tasks have to be asked for anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamloom.placement.dask.which import Where

Workers = Mapping[str, Mapping[str, Any]]
"""By their addresses."""


def has_room(workers: Workers, held: Mapping[str, int], needs: Mapping[str, float]) -> bool:
    """Whether some Dask worker has room; ``held`` are our processes at each, by its address."""
    return any(_fits(worker, held.get(address, 0), needs) for address, worker in workers.items())


def _fits(worker: Mapping[str, Any], held: int, needs: Mapping[str, float]) -> bool:
    # What others run there is known from its last sign of life only, and what we have begun since is not in that.
    busy = max(int(worker["metrics"]["task_counts"].get("executing", 0)), held)
    has = worker.get("resources") or {}
    enough = all((held + 1) * need <= has.get(name, 0.0) for name, need in needs.items())
    return worker["status"] == "running" and busy < int(worker["nthreads"]) and enough


def why_waiting(workers: Workers, where: Where, address: str, needs: Mapping[str, float]) -> str:
    """What keeps Dask from beginning what it was asked for."""
    if not workers and where.queued:
        return f"{where.name} were submitted and have not started yet"
    if not workers and where.room:
        return f"{where.name} starts its workers"
    if not workers:
        return f"the Dask scheduler {address} has no workers; start some: dask worker {address}"
    lacking = [
        f"{name}: {need:g}"
        for name, need in needs.items()
        if not any((worker.get("resources") or {}).get(name, 0.0) >= need for worker in workers.values())
    ]
    if lacking:
        return (
            f"no Dask worker was started with {', '.join(lacking)}; start one: "
            f'dask worker {address} --resources "{" ".join(f"{name}={need:g}" for name, need in needs.items())}"'
        )
    threads = sum(int(worker["nthreads"]) for worker in workers.values())
    return f"the Dask workers have {threads} threads in all, and each process takes one" + (
        "; more jobs were submitted" if where.queued else "; start more: dask worker " + address
    )

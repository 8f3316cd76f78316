"""As many jobs of a queue, or workers of a local cluster, as the processes need.

Policy: more are asked for at once. One is given back only when it holds nothing and nobody waits, so that no process is moved for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from beamloom.dask_clusters import Connection
from beamloom.placement.dask.child import DaskChild
from beamloom.placement.dask.which import jobs_for


class Sizing:
    """See the module."""

    def __init__(self, room: int) -> None:
        """``room`` of one job for processes; 0: the cluster is not ours to change."""
        self._room = room

    def see_to(
        self, connection: Connection, workers: Mapping[str, Mapping[str, Any]], children: Sequence[DaskChild]
    ) -> None:
        """Have as many jobs as these processes need. ``workers`` are those of Dask, by their addresses."""
        cluster = connection.cluster
        if not self._room or cluster is None:
            return
        wanted, there = jobs_for(len(children), self._room), len(cluster.worker_spec)
        waiting = any(child.waits for child in children)
        if wanted > there or waiting:
            # Where some wait it also starts jobs anew that have ended.
            cluster.scale(max(wanted, there))
        elif wanted < there:
            names = {str(worker["name"]): address for address, worker in workers.items()}
            busy = {child.where for child in children}
            idle = idle_jobs(cluster.worker_spec, names, busy)[: there - wanted]
            if idle:
                cluster.sync(cluster.scale_down, idle)


def idle_jobs(
    jobs: Mapping[Any, Mapping[str, Any]], addresses: Mapping[str, str], busy: Collection[str]
) -> list[Any]:
    """Jobs of whose Dask workers none holds anything; ``addresses`` are those of the workers by their names.

    A job of several workers has the endings of their names as its ``group``. One that has not started yet is idle.
    """

    def is_idle(job: Any) -> bool:
        names = [f"{job}{ending}" for ending in jobs[job].get("group", [""])]
        return not any(addresses.get(name) in busy for name in names if name in addresses)

    return [job for job in jobs if is_idle(job)]

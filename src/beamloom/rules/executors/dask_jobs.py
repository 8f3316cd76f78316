"""Jobs of a queueing system as a cluster: Slurm and PBS, through dask-jobqueue.

Jobs are asked for as chunks wait, and given back when none do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from beamloom.dask_clusters import SYSTEMS, ClusterRefused, Job, job_cluster
from beamloom.libraries import MissingLibrary
from beamloom.rules.errors import RuleRefused


def jobs(
    system: str,
    *,
    cores: int,
    memory: str,
    most: int,
    least: int = 0,
    gpus: int = 0,
    processes: int = 1,
    queue: str | None = None,
    account: str | None = None,
    walltime: str | None = None,
    directives: Sequence[str] = (),
    prologue: Sequence[str] = (),
    **options: Any,
) -> Callable[[], Any]:
    """A function that makes the cluster, for ``DaskExecutor``. Each job has ``cores``, ``memory`` (as ``"16GB"``) and ``gpus``.

    Between ``least`` and ``most`` jobs run, as chunks ask for. ``directives`` are further lines for the system (``"--constraint=a100"``),
    ``prologue`` lines of shell before the worker starts (``"module load cuda"``); ``options`` are those of the class of dask-jobqueue.
    Raises RuleRefused for what cannot be.
    """
    if system not in SYSTEMS:
        raise RuleRefused(
            f"there is no queueing system {system!r} here, only: {', '.join(SYSTEMS)}; "
            "for another give DaskExecutor a function that makes its cluster"
        )
    if not 0 <= least <= most or most < 1:
        raise RuleRefused(f"{least} to {most} jobs cannot be; give most >= least and most >= 1")
    job = Job(
        cores=cores,
        memory=memory,
        gpus=gpus,
        processes=processes,
        queue=queue,
        account=account,
        walltime=walltime,
        directives=tuple(directives),
        prologue=tuple(prologue),
        options=options,
    )
    try:
        make = job_cluster(system, job)
    except (ClusterRefused, MissingLibrary) as error:
        raise RuleRefused(str(error)) from error

    def cluster() -> Any:
        made = make()
        made.adapt(minimum_jobs=least, maximum_jobs=most)
        return made

    return cluster

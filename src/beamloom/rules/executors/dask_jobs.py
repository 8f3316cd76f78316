"""Dask on the queue of a computing centre: workers that are jobs of Slurm or PBS, made by dask-jobqueue.

The scheduler runs in the process of the engine, and ends with it; its jobs end by themselves then, and the next engine has new ones made.
Jobs are asked for as chunks wait, and given back when none do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

from beamloom.rules.errors import RuleRefused
from beamloom.rules.needs import need

SYSTEMS: Final = {"slurm": "SLURMCluster", "pbs": "PBSCluster"}
"""Queueing systems, and the class of dask-jobqueue for each; for others give ``DaskExecutor`` a function that makes its class."""


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
    if not 0 <= least <= most or most < 1 or not 1 <= processes <= cores:
        raise RuleRefused(
            f"{least} to {most} jobs with {cores} cores for {processes} processes cannot be; "
            "give most >= least, most >= 1, and as many cores as processes"
        )
    module = need("dask_jobqueue", "jobs of a queue", "jobqueue")
    limit = need("dask.utils", "jobs of a queue", "jobqueue").parse_bytes(memory)
    share = {"cpu": cores // processes, "memory": limit // processes, "gpu": gpus // processes}
    told = ",".join(f"{name}={amount}" for name, amount in share.items() if amount)
    given = {
        "cores": cores,
        "memory": memory,
        "processes": processes,
        "queue": queue,
        "account": account,
        "walltime": walltime,
        "job_extra_directives": [*_for_gpus(system, gpus), *directives],
        "job_script_prologue": list(prologue),
        "worker_extra_args": ["--resources", told],
    }
    if system == "pbs" and gpus:
        given["resource_spec"] = f"select=1:ncpus={cores}:mem={memory.replace(' ', '')}:ngpus={gpus}"
    make = functools.partial(
        getattr(module, SYSTEMS[system]),
        **{name: value for name, value in given.items() if value is not None},
        **options,
    )

    def cluster() -> Any:
        made = make()
        made.adapt(minimum_jobs=least, maximum_jobs=most)
        return made

    return cluster


def _for_gpus(system: str, gpus: int) -> list[str]:
    return [f"--gres=gpu:{gpus}"] if gpus and system == "slurm" else []

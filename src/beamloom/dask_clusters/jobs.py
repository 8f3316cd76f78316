"""Clusters that are jobs of a queueing system: Slurm and PBS, through dask-jobqueue.

Jobs ask the system for cores, memory and graphics processors, and their Dask workers declare the same, so that what is asked of Dask is
counted against them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from beamloom.dask_clusters.refusal import ClusterRefused
from beamloom.libraries import library

SYSTEMS: Final = {"slurm": "SLURMCluster", "pbs": "PBSCluster"}
"""Queueing systems, and the class of dask-jobqueue for each."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What one job asks for, and what runs in it."""

    cores: Annotated[int, Meta(ge=1, description="Cores of one job.")]
    memory: Annotated[
        str, Meta(description="Memory of one job.", extra={"expects": "an amount such as 64GB"})
    ] = "2GB"
    gpus: Annotated[int, Meta(ge=0, description="Graphics processors of one job.")] = 0
    processes: Annotated[int, Meta(ge=1, description="Dask workers in one job, which share these.")] = 1
    queue: Annotated[str | None, Meta(description="Queue, or partition, that jobs are submitted to.")] = None
    account: Annotated[str | None, Meta(description="Account that jobs are charged to.")] = None
    walltime: Annotated[
        str | None,
        Meta(
            description="Time that a job may take.", extra={"expects": 'a time in quotes, such as "02:00:00"'}
        ),
    ] = None
    directives: Annotated[
        tuple[str, ...],
        Meta(
            description="Further lines for the queueing system.",
            extra={"expects": 'a list of lines such as ["--constraint=a100"]'},
        ),
    ] = ()
    prologue: Annotated[
        tuple[str, ...],
        Meta(
            description="Lines of shell before the Dask workers of a job start.",
            extra={"expects": 'a list of lines such as ["module load cuda"]'},
        ),
    ] = ()
    options: Annotated[
        dict[str, Any],
        Meta(
            description="Further options of the class of dask-jobqueue, such as interface: ib0.",
            extra={"expects": "options by name"},
        ),
    ] = {}


def share_of(job: Job) -> dict[str, int]:
    """What one Dask worker of the job has, by the names of resources; memory in bytes. Raises ClusterRefused, MissingLibrary."""
    try:
        memory = library("dask.utils", "jobs of a queue", "jobqueue").parse_bytes(job.memory)
    except ValueError as error:
        raise ClusterRefused(f"{job.memory!r} is no amount of memory, which is written as 16GB") from error
    return {
        "cpu": job.cores // job.processes,
        "memory": memory // job.processes,
        "gpu": job.gpus // job.processes,
    }


def job_cluster(system: str, job: Job) -> Callable[[], Any]:
    """A function that makes a cluster without any jobs yet. Raises ClusterRefused for what cannot be, MissingLibrary."""
    if system not in SYSTEMS:
        raise ClusterRefused(f"there is no queueing system {system!r} here, only: {', '.join(SYSTEMS)}")
    if not 1 <= job.processes <= job.cores:
        raise ClusterRefused(
            f"a job with {job.cores} cores for {job.processes} processes cannot be; give it as many cores as processes, or more"
        )
    module = library("dask_jobqueue", "jobs of a queue", "jobqueue")
    told = ",".join(f"{name}={amount}" for name, amount in share_of(job).items() if amount)
    given = {
        "cores": job.cores,
        "memory": job.memory,
        "processes": job.processes,
        "queue": job.queue,
        "account": job.account,
        "walltime": job.walltime,
        "job_extra_directives": [*_for_gpus(system, job.gpus), *job.directives],
        "job_script_prologue": list(job.prologue),
        "worker_extra_args": ["--resources", told],
    }
    if system == "pbs" and job.gpus:
        given["resource_spec"] = (
            f"select=1:ncpus={job.cores}:mem={job.memory.replace(' ', '')}:ngpus={job.gpus}"
        )
    return functools.partial(
        getattr(module, SYSTEMS[system]),
        **{name: value for name, value in given.items() if value is not None},
        # Its usual port for the dashboard is taken where there is another scheduler.
        **{"scheduler_options": {"dashboard_address": ":0"}, **job.options},
    )


def _for_gpus(system: str, gpus: int) -> list[str]:
    return [f"--gres=gpu:{gpus}"] if gpus and system == "slurm" else []

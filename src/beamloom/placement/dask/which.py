"""Which cluster the section ``dask`` of a pipeline file means, how large it is to be, and how this machine is reached from there."""

from __future__ import annotations

import functools
import logging
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from beamloom.dask_clusters import ClusterRefused, Job, Opener, job_cluster, opener, share_of
from beamloom.libraries import library
from beamloom.pipeline_file import Dask

WHAT: Final = "processes on Dask"
LOCAL_THREADS: Final = 4
"""Of a Dask worker of a local cluster, where the file does not say how many."""
SUBMITS: Final = {"slurm": "sbatch", "pbs": "qsub"}


class Where(NamedTuple):
    """A cluster."""

    open: Opener
    name: str
    """For people."""
    room: int
    """Processes that one job has room for; 0 where the cluster is not ours to make larger."""
    queued: bool
    """Its jobs may have to wait for hours."""


def cluster_of(dask: Dask) -> Where:
    """The cluster. Raises ClusterRefused for what cannot be, MissingLibrary."""
    if dask.scheduler:
        path = Path(dask.scheduler)
        target: Any = path if path.suffix == ".json" else dask.scheduler
        return Where(opener(target, {}, WHAT), f"the Dask scheduler {dask.scheduler}", 0, queued=False)
    if dask.cluster == "local":
        cores = dask.job.cores if dask.job else LOCAL_THREADS
        return Where(opener(_local(cores), {}, WHAT), "a local Dask cluster", cores, queued=False)
    if dask.cluster is None or dask.job is None:
        raise ClusterRefused("'dask' names no cluster; give it a 'scheduler', or a 'cluster' with its 'job'")
    make = job_cluster(dask.cluster, dask.job)
    command = SUBMITS[dask.cluster]
    if shutil.which(command) is None:
        raise ClusterRefused(
            f"the command {command} is not here, so that no jobs can be submitted; start the pipeline where it is, "
            "or give 'dask' a 'scheduler'"
        )
    room = room_of(dask.job, dask.needs)
    return Where(opener(make, {}, WHAT), f"jobs of {dask.cluster}", room, queued=True)


def room_of(job: Job, needs: Mapping[str, float]) -> int:
    """Workers that one job has room for. Raises ClusterRefused where it has none."""
    share = share_of(job)
    fits = [
        share["cpu"],
        *(int(share[name] // need) for name, need in needs.items() if name in share and need),
    ]
    if min(fits) < 1:
        wanted = ", ".join(f"{name}: {need:g}" for name, need in needs.items())
        raise ClusterRefused(
            f"one Dask worker of the job has {share['cpu']} cores, {share['gpu']} graphics processors and {share['memory']:,} bytes, "
            f"and a worker needs {wanted}; give 'job' more, or fewer 'processes'"
        )
    return int(min(fits)) * job.processes


def jobs_for(processes: int, room: int) -> int:
    """Jobs that so many processes need."""
    return math.ceil(processes / room)


def _local(cores: int) -> Any:
    distributed = library("distributed", WHAT, "dask")
    return functools.partial(
        distributed.LocalCluster,
        n_workers=0,
        threads_per_worker=cores,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=None,
        preload=["beamloom.placement.dask.apart"],
        silence_logs=logging.CRITICAL,
    )

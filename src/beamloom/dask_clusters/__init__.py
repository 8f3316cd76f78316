"""Dask clusters, as rules and the processes of a pipeline use them: which one is meant, the way to it, jobs of a queue."""

from beamloom.dask_clusters.connection import CONNECT, Connection, Opener, opener
from beamloom.dask_clusters.jobs import SYSTEMS, Job, job_cluster, share_of
from beamloom.dask_clusters.refusal import ClusterRefused

__all__ = [
    "CONNECT",
    "SYSTEMS",
    "ClusterRefused",
    "Connection",
    "Job",
    "Opener",
    "job_cluster",
    "opener",
    "share_of",
]

"""Who works off chunks."""

from beamloom.rules.executors.dask_cluster import DaskExecutor
from beamloom.rules.executors.executor import Executor
from beamloom.rules.executors.local import LocalPool
from beamloom.rules.executors.on_demand import OnDemand

__all__ = ["DaskExecutor", "Executor", "LocalPool", "OnDemand"]

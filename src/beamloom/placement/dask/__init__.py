"""Processes of a pipeline on a Dask cluster.

Each is a task of Dask that lasts as long as its process: a child of the Dask worker, which ends with it. The supervisor says what is to
run; Dask says where, and begins it elsewhere when a worker of it is lost. Data goes straight between the processes, and not by Dask.
"""

from beamloom.placement.dask.site import DaskSite
from beamloom.placement.dask.spreading import GROUND, layout_on

__all__ = ["GROUND", "DaskSite", "layout_on"]

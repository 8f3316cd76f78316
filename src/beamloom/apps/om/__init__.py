"""Runs a processing class that was written for OM, unchanged: as worker and reducer of a pipeline.

Name the class by the parameter ``processing_class`` and its monitor.yaml by ``monitor_file``; see docs/apps/om.md.
"""

from beamloom.apps.om.monitor_parameters import MonitorParameterError, MonitorParameters
from beamloom.apps.om.processing import OmClassError, OmProcessing
from beamloom.apps.om.reducer import Reducer
from beamloom.apps.om.worker import Worker

__all__ = [
    "MonitorParameterError",
    "MonitorParameters",
    "OmClassError",
    "OmProcessing",
    "Reducer",
    "Worker",
]

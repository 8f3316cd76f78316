"""The analysis: worker and reducer for serial crystallography, as a pipeline file names them."""

from beamloom.apps.crystallography.analysis.reducer import Reducer
from beamloom.apps.crystallography.analysis.simulated import Simulation
from beamloom.apps.crystallography.analysis.worker import Worker

__all__ = ["Reducer", "Simulation", "Worker"]

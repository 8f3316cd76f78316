"""The analysis: worker and reducer for serial crystallography, as a pipeline file names them.

They are imported when they are first used: who only wants to know its parameters, or what a frame is, needs no numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

if TYPE_CHECKING:
    from beamloom.apps.crystallography.analysis.reducer import Reducer
    from beamloom.apps.crystallography.analysis.simulated import Simulation
    from beamloom.apps.crystallography.analysis.worker import Worker

__all__ = ["Reducer", "Simulation", "Worker"]

_HOMES = {"Reducer": "reducer", "Simulation": "simulated", "Worker": "worker"}

__getattr__, __dir__ = late_names(__name__, _HOMES)

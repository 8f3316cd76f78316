"""Imaging statistics: sums, regions, centre of mass, differences in time, single photons.

Everything is imported when it is first used: counting photons needs what ``pip install 'beamloom[imaging]'`` brings, the rest numpy alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

if TYPE_CHECKING:
    from beamloom.apps.imaging.differences import DifferenceWorker, windows
    from beamloom.apps.imaging.photons import Photons, find_photons
    from beamloom.apps.imaging.reducer import Reducer
    from beamloom.apps.imaging.simulated import PhotonSimulation, Simulation
    from beamloom.apps.imaging.worker import Worker

__all__ = [
    "DifferenceWorker",
    "PhotonSimulation",
    "Photons",
    "Reducer",
    "Simulation",
    "Worker",
    "find_photons",
    "windows",
]

_HOMES = {
    "DifferenceWorker": "differences",
    "PhotonSimulation": "simulated",
    "Photons": "photons",
    "Reducer": "reducer",
    "Simulation": "simulated",
    "Worker": "worker",
    "find_photons": "photons",
    "windows": "differences",
}

__getattr__, __dir__ = late_names(__name__, _HOMES)

"""X-ray emission and absorption spectroscopy: spectra of a dispersive image, and scans of the energy, normalised.

Everything is imported when it is first used: projecting images needs what ``pip install 'beamloom[spectroscopy]'`` brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

if TYPE_CHECKING:
    from beamloom.apps.spectroscopy.curvature import find_curvature
    from beamloom.apps.spectroscopy.projection import Projector
    from beamloom.apps.spectroscopy.reducer import Reducer
    from beamloom.apps.spectroscopy.simulated import Simulation
    from beamloom.apps.spectroscopy.worker import Worker

__all__ = ["Projector", "Reducer", "Simulation", "Worker", "find_curvature"]

_HOMES = {
    "Projector": "projection",
    "Reducer": "reducer",
    "Simulation": "simulated",
    "Worker": "worker",
    "find_curvature": "curvature",
}

__getattr__, __dir__ = late_names(__name__, _HOMES)

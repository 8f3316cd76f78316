"""Azimuthal integration: patterns and cakes of the frames of any detector, by the geometry and the weights of pyFAI.

Everything is imported when it is first used; what integrates needs what ``pip install 'beamloom[azimuthal]'`` brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

if TYPE_CHECKING:
    from beamloom.apps.azimuthal.clipping import SigmaClip
    from beamloom.apps.azimuthal.geometry import Geometry, Weights
    from beamloom.apps.azimuthal.integrator import Integrator
    from beamloom.apps.azimuthal.reducer import Reducer
    from beamloom.apps.azimuthal.simulated import Simulation
    from beamloom.apps.azimuthal.worker import Worker

__all__ = ["Geometry", "Integrator", "Reducer", "SigmaClip", "Simulation", "Weights", "Worker"]

_HOMES = {
    "Geometry": "geometry",
    "Integrator": "integrator",
    "Reducer": "reducer",
    "SigmaClip": "clipping",
    "Simulation": "simulated",
    "Weights": "geometry",
    "Worker": "worker",
}

__getattr__, __dir__ = late_names(__name__, _HOMES)

"""Azimuthal integration: patterns and cakes of the frames of any detector, by the geometry and the weights of pyFAI.

Everything is imported when it is first used; what integrates needs what ``pip install 'beamloom[azimuthal]'`` brings.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

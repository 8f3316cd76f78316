"""Imaging statistics: sums, regions, centre of mass, differences in time, single photons.

Everything is imported when it is first used: counting photons needs what ``pip install 'beamloom[imaging]'`` brings, the rest numpy alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

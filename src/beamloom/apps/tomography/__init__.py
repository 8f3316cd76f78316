"""Tomography: frames with their angles, sent on to other software, and slices that get sharper as projections arrive.

Everything is imported when it is first used: slices need what ``pip install 'beamloom[tomography]'`` brings, angles and sending on numpy
and pyzmq alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beamloom.apps.tomography.angles import Turning
    from beamloom.apps.tomography.centre import centre_by_mass, centre_by_pair
    from beamloom.apps.tomography.reducer import Reducer
    from beamloom.apps.tomography.republisher import Republisher
    from beamloom.apps.tomography.simulated import Ellipsoid, Simulation
    from beamloom.apps.tomography.slices import Stack
    from beamloom.apps.tomography.worker import Worker

__all__ = [
    "Ellipsoid",
    "Reducer",
    "Republisher",
    "Simulation",
    "Stack",
    "Turning",
    "Worker",
    "centre_by_mass",
    "centre_by_pair",
]

_HOMES = {
    "Ellipsoid": "simulated",
    "Reducer": "reducer",
    "Republisher": "republisher",
    "Simulation": "simulated",
    "Stack": "slices",
    "Turning": "angles",
    "Worker": "worker",
    "centre_by_mass": "centre",
    "centre_by_pair": "centre",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

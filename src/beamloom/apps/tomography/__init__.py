"""Tomography: frames with their angles, sent on to other software, and slices that get sharper as projections arrive.

Everything is imported when it is first used: slices need what ``pip install 'beamloom[tomography]'`` brings, angles and sending on numpy
and pyzmq alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

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

__getattr__, __dir__ = late_names(__name__, _HOMES)

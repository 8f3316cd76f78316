"""Serial crystallography: the analysis with its worker and reducer, the search for Bragg peaks, and the geometry of the detector.

Everything is imported when it is first used: the geometry needs numpy alone, the peak search what
``pip install 'beamloom[crystallography]'`` brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

if TYPE_CHECKING:
    from beamloom.apps.crystallography.analysis import Reducer, Simulation, Worker
    from beamloom.apps.crystallography.geometry import Geometry, GeometryError, read_geometry
    from beamloom.apps.crystallography.peaks import (
        LengthVeto,
        PeakFinder,
        Peaks,
        PeakSettings,
        find_peaks,
    )

__all__ = [
    "Geometry",
    "GeometryError",
    "LengthVeto",
    "PeakFinder",
    "PeakSettings",
    "Peaks",
    "Reducer",
    "Simulation",
    "Worker",
    "find_peaks",
    "read_geometry",
]

_HOMES = {
    "Geometry": "geometry",
    "GeometryError": "geometry",
    "read_geometry": "geometry",
    "LengthVeto": "peaks",
    "PeakFinder": "peaks",
    "PeakSettings": "peaks",
    "Peaks": "peaks",
    "Reducer": "analysis",
    "Simulation": "analysis",
    "Worker": "analysis",
    "find_peaks": "peaks",
}

__getattr__, __dir__ = late_names(__name__, _HOMES)

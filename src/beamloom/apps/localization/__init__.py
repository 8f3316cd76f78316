"""Single-molecule localization: the analysis with its worker and reducer, and its science as functions of arrays.

Everything is imported when it is first used; detection and fits need what ``pip install 'beamloom[localization]'`` brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

if TYPE_CHECKING:
    from beamloom.apps.localization.drift import drift_of, undrifted
    from beamloom.apps.localization.linking import linked, molecules
    from beamloom.apps.localization.localizing import halo, localize
    from beamloom.apps.localization.reducer import Reducer
    from beamloom.apps.localization.rendering import blurred, counted, frame_extent
    from beamloom.apps.localization.settings import Camera, Settings
    from beamloom.apps.localization.simulated import Simulation
    from beamloom.apps.localization.table import LOCALIZATION, Status, good, in_order
    from beamloom.apps.localization.tables import read_table, write_table
    from beamloom.apps.localization.worker import Worker

_ROOMS = {
    "drift": ("drift_of", "undrifted"),
    "linking": ("linked", "molecules"),
    "localizing": ("halo", "localize"),
    "reducer": ("Reducer",),
    "rendering": ("blurred", "counted", "frame_extent"),
    "settings": ("Camera", "Settings"),
    "simulated": ("Simulation",),
    "table": ("LOCALIZATION", "Status", "good", "in_order"),
    "tables": ("read_table", "write_table"),
    "worker": ("Worker",),
}
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "LOCALIZATION",
    "Camera",
    "Reducer",
    "Settings",
    "Simulation",
    "Status",
    "Worker",
    "blurred",
    "counted",
    "drift_of",
    "frame_extent",
    "good",
    "halo",
    "in_order",
    "linked",
    "localize",
    "molecules",
    "read_table",
    "undrifted",
    "write_table",
]

__getattr__, __dir__ = late_names(__name__, _HOMES)

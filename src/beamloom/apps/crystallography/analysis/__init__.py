"""The analysis: worker and reducer for serial crystallography, as a pipeline file names them.

They are imported when they are first used: who only wants to know its parameters, or what a frame is, needs no numba.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beamloom.apps.crystallography.analysis.reducer import Reducer
    from beamloom.apps.crystallography.analysis.simulated import Simulation
    from beamloom.apps.crystallography.analysis.worker import Worker

__all__ = ["Reducer", "Simulation", "Worker"]

_HOMES = {"Reducer": "reducer", "Simulation": "simulated", "Worker": "worker"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

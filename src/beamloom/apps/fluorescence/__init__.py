"""X-ray fluorescence: maps of the counts in regions of the spectra, and of the amounts of elements by PyMca's model.

Everything is imported when it is first used. Regions need numpy alone, fits what ``pip install 'beamloom[fluorescence]'`` brings.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beamloom.apps.fluorescence.fit import LinearFit
    from beamloom.apps.fluorescence.model import Model, model_of
    from beamloom.apps.fluorescence.reducer import Reducer
    from beamloom.apps.fluorescence.simulated import Simulation
    from beamloom.apps.fluorescence.worker import Worker

__all__ = ["LinearFit", "Model", "Reducer", "Simulation", "Worker", "model_of"]

_HOMES = {
    "LinearFit": "fit",
    "Model": "model",
    "Reducer": "reducer",
    "Simulation": "simulated",
    "Worker": "worker",
    "model_of": "model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

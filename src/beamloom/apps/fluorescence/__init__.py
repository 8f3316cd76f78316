"""X-ray fluorescence: maps of the counts in regions of the spectra, and of the amounts of elements by PyMca's model.

Everything is imported when it is first used. Regions need numpy alone, fits what ``pip install 'beamloom[fluorescence]'`` brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.late_imports import late_names

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

__getattr__, __dir__ = late_names(__name__, _HOMES)

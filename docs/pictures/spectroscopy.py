"""A scan over an edge: the spectrum, the fluorescence and the plane of both energies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from picture_runs import measured

from beamloom.apps.spectroscopy import Simulation
from beamloom.devices import pandabox, stins
from beamloom.triggermap import uniform


@contextmanager
def scenes() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The pipeline after its run, and what is shown of it."""
    simulation = Simulation(seed=1, points=61, frames=4)
    indices = range(simulation.total)
    columns = {
        "MONO.ENERGY.Mean": [simulation.energy(index) for index in indices],
        "FMC_IN.VAL1.Mean": [simulation.i0(index) for index in indices],
        "FMC_IN.VAL2.Mean": [simulation.transmitted(index) for index in indices],
    }
    series = {
        "camera": ("stins", stins.generate(images=map(simulation.frame, indices))),
        "box": ("pandabox", pandabox.generate(columns=columns)),
    }
    with TemporaryDirectory() as folder:
        mask = Path(folder) / "mask.npy"
        np.save(mask, simulation.mask())
        parameters = {
            "energy": "box.values.MONO.ENERGY.Mean",
            "i0": "box.values.FMC_IN.VAL1.Mean",
            "transmitted": "box.values.FMC_IN.VAL2.Mean",
            "curvature": list(simulation.curvature),
            "energy_calibration": list(simulation.calibration),
            "mask_file": str(mask),
        }
        with measured(
            "spectroscopy", series, uniform(list(series), simulation.total), parameters=parameters
        ) as at:
            yield (
                at,
                {
                    f"spectroscopy-{name}": f"results?path={name}"
                    for name in ("spectrum", "fluorescence", "plane")
                },
            )

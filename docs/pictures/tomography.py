"""A scan of the phantom: its slices, its sinogram and the angles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from picture_runs import measured

from beamloom.apps.tomography import Ellipsoid, Simulation
from beamloom.apps.tomography.simulated import SAMPLE
from beamloom.devices import pandabox, stins
from beamloom.triggermap import uniform


@contextmanager
def scenes() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The pipeline after its run, and what is shown of it."""
    simulation = Simulation(seed=1, shape=(128, 225), frames=360, centre=107.3, sample=scaled(2.0))
    columns = {
        "PCAP.TS_TRIG.Value": [0.01 * index for index in range(simulation.frames)],
        "INENC1.VAL.Mean": [simulation.degrees(index) for index in range(simulation.frames)],
    }
    with TemporaryDirectory() as folder:
        parameters: dict[str, object] = {"air_columns": 8}
        for name, image in (("dark_file", simulation.dark()), ("flat_file", simulation.flat())):
            parameters[name] = str(Path(folder) / f"{name}.npy")
            np.save(str(parameters[name]), image)
        series = {
            "camera": ("stins", stins.generate(images=map(simulation.frame, range(simulation.frames)))),
            "box": ("pandabox", pandabox.generate(columns=columns)),
        }
        with measured(
            "tomography", series, uniform(list(series), simulation.frames), parameters=parameters
        ) as at:
            names = ("slices/across", "slices/along_x", "sinogram", "angles")
            yield at, {f"tomography-{name.split('/')[-1]}": f"results?path={name}" for name in names}


def scaled(factor: float) -> tuple[Ellipsoid, ...]:
    """The usual sample, larger."""
    return tuple(
        Ellipsoid(
            one.x * factor,
            one.y * factor,
            one.row * factor,
            (one.half_axes[0] * factor, one.half_axes[1] * factor, one.half_axes[2] * factor),
            one.absorption / factor,
            one.turned,
        )
        for one in SAMPLE
    )

"""A powder that changes: its patterns one below the other, their mean, and the cake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from picture_runs import measured

from beamloom.apps.azimuthal import Simulation
from beamloom.devices import albaem, stins
from beamloom.triggermap import uniform


@contextmanager
def scenes() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The pipeline after its run, and what is shown of it."""
    simulation = Simulation(frames=150)
    frames = range(simulation.frames)
    series = {
        "camera": ("stins", stins.generate(images=(simulation.frame(index) for index in frames))),
        "i0": ("albaem", albaem.generate(currents=([simulation.i0(index), 0, 0, 0] for index in frames))),
    }
    parameters = {
        "poni_file": simulation.poni,
        "bins": 500,
        "correct_polarization": True,
        "i0": "i0.channel1",
        "azimuthal_bins": 90,
    }
    with measured(
        "azimuthal", series, uniform(list(series), simulation.frames), parameters=parameters
    ) as address:
        yield (
            address,
            {
                "azimuthal-waterfall": "results?path=waterfall",
                "azimuthal-pattern": "results?path=pattern",
                "azimuthal-cake": "results?path=cake",
            },
        )

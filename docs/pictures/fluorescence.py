"""A sample with calcium, iron and copper: the map of each, and the summed spectrum with its fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from picture_runs import measured

from beamloom.apps.fluorescence import Simulation
from beamloom.devices import albaem, contrast, xspress3
from beamloom.triggermap import uniform


@contextmanager
def scenes() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The pipeline after its run, and what is shown of it."""
    simulation = Simulation(columns=40, rows=30)
    points = range(simulation.points)
    positions = [simulation.position(point) for point in points]
    series = {
        "xspress3": (
            "xspress3",
            xspress3.generate(spectra=(simulation.spectrum(point) for point in points)),
        ),
        "contrast": ("contrast", contrast.generate(positions=positions)),
        "i0": ("albaem", albaem.generate(currents=([simulation.i0(point), 0, 0, 0] for point in points))),
    }
    parameters = {
        "fit_configuration_file": simulation.configuration,
        "i0": "i0.channel1",
        "x": "contrast.pseudo.x",
        "y": "contrast.pseudo.y",
    }
    with measured(
        "fluorescence", series, uniform(list(series), simulation.points), parameters=parameters
    ) as address:
        yield (
            address,
            {
                "fluorescence-calcium": "results?path=maps/Ca_K",
                "fluorescence-copper": "results?path=maps/Cu_K",
                "fluorescence-spectrum": "results?path=spectrum",
            },
        )

"""Serial crystallography after a run of simulated frames: what the dashboard begins with, and the last hit with its peaks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from picture_runs import measured

from beamloom.apps.crystallography import Simulation
from beamloom.devices import stins
from beamloom.triggermap import uniform

FRAMES = 300
PARAMETERS = {
    "adc_threshold": 8,
    "minimum_snr": 6,
    "min_num_peaks_for_hit": 9,
    "peakogram_intensity_bin_size": 10,
    "peakogram_radius_bin_size": 2,
}


@contextmanager
def scenes() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The pipeline after its run, and what is shown of it."""
    simulation = Simulation()
    messages = stins.generate(images=(simulation.frame(index) for index in range(FRAMES)))
    with tempfile.TemporaryDirectory() as folder:
        geometry = Path(folder) / "simulated.geom"
        geometry.write_text(simulation.geometry_text())
        parameters = {**PARAMETERS, "geometry_file": str(geometry)}
        trigger_map = uniform(["camera"], FRAMES)
        with measured(
            "crystallography", {"camera": ("stins", messages)}, trigger_map, parameters=parameters
        ) as address:
            yield (
                address,
                {
                    "crystallography-overview": "results",
                    "crystallography-last-hit": "results?path=last_hit",
                    "crystallography-powder": "results?path=virtual_powder",
                },
            )

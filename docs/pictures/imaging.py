"""Single photons on a camera: their image, their spectrum and how many each frame has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from picture_runs import measured

from beamloom.apps.imaging import PhotonSimulation
from beamloom.devices import stins
from beamloom.triggermap import uniform

FRAMES = 400
PARAMETERS = {
    "photon_threshold": 12,
    "photon_seed": 40,
    "photon_offset": 100,
    "photon_subpixels": 2,
    "regions": [[0, 0, 32, 80], [32, 0, 64, 80]],
}


@contextmanager
def scenes() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The pipeline after its run, and what is shown of it."""
    simulation = PhotonSimulation(seed=1)
    messages = stins.generate(images=(simulation.frame(index) for index in range(FRAMES)))
    trigger_map = uniform(["camera"], FRAMES)
    with measured("imaging", {"camera": ("stins", messages)}, trigger_map, parameters=PARAMETERS) as address:
        yield (
            address,
            {
                "imaging-photons": "results?path=photons/image_2",
                "imaging-spectrum": "results?path=photons/energies_5_500",
                "imaging-regions": "results?path=regions",
            },
        )

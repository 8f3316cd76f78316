"""Series that several tests localize."""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom.apps.localization import Camera, Simulation

Array = np.ndarray[Any, np.dtype[Any]]
SCMOS = Camera()
EMCCD = Camera(offset=200, electrons_per_count=10, read_noise=60, em_gain=200)


def isolated(photons: float, background: float, camera: Camera = SCMOS, seed: int = 1) -> Simulation:
    """Spots on a grid, all lit in all frames, none in the pixels of another: 121 of them in each of 25 frames."""
    return Simulation(
        seed=seed,
        frames=25,
        shape=(180, 180),
        pattern="grid",
        lit=0.9999,
        blink=1e9,
        photons=photons,
        background=background,
        camera=camera,
    )


def paired(table: Array, simulation: Simulation, within: float = 60.0) -> tuple[Array, Array]:
    """The rows of ``table`` nearest to each lit molecule, those within some nm, and their true places, (n, 2) in nm."""
    rows, places = [], []
    for frame in range(simulation.frames):
        here, truth = table[table["frame"] == frame], simulation.truth(frame)
        if not len(here):
            continue
        distance = np.hypot(here["x"] - truth.x[:, None], here["y"] - truth.y[:, None])
        nearest = distance.argmin(axis=1)
        near = distance[np.arange(len(nearest)), nearest] < within
        rows.append(here[nearest[near]])
        places.append(np.column_stack([truth.x, truth.y])[near])
    return np.concatenate(rows), np.concatenate(places)

"""Localization: errors beside the Cramér-Rao bound, fits and frames per second of one core; CPU time.

Spots are isolated, 130 nm wide in pixels of 100 nm, read noise 1.5 electrons, fitted in 11 x 11 pixels from the pixel that they are in.
``--beside PYTHON`` names the Python of an environment with spotfitlm and scipy (``pip install spotfitlm``), which then fit the same
pixels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _measure import cpu_seconds, row

from beamloom.apps.localization import Simulation, localize
from beamloom.apps.localization.localizing import localize_at

Array = np.ndarray[Any, np.dtype[Any]]
CASES = ((300, 10), (1000, 10), (3000, 50))
HALF = 5
SCIPY_SPOTS = 300


def series(photons: float, background: float) -> tuple[Simulation, Array]:
    """12 frames of 400 x 400 pixels with 676 spots each."""
    simulation = Simulation(
        seed=1,
        frames=12,
        shape=(400, 400),
        pattern="grid",
        lit=0.9999,
        blink=1e9,
        photons=photons,
        background=background,
    )
    return simulation, simulation.stack()


def places(simulation: Simulation) -> tuple[list[Array], list[Array], Array]:
    """Rows and columns of the spots in each frame, and where they truly are in nm, (spots, 2)."""
    truths = [simulation.truth(index) for index in range(simulation.frames)]
    size = simulation.camera.pixel_size
    rows = [np.rint(truth.y / size).astype(np.int64) for truth in truths]
    columns = [np.rint(truth.x / size).astype(np.int64) for truth in truths]
    return rows, columns, np.concatenate([np.column_stack([truth.x, truth.y]) for truth in truths])


def rms(found: Array, true: Array) -> float:
    """Root of the mean square of the errors along one axis, of the spots that were fitted, those 300 nm off and more left out."""
    off = (found - true)[np.isfinite(found).all(axis=1)]
    off = off[np.hypot(*off.T) < 300]
    return float(np.sqrt((off**2).mean()))


def beside(python: str, electrons: Array, rows: list[Array], columns: list[Array]) -> dict[str, Any]:
    """What the other libraries make of the same frames, in the other environment."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frames.npz"
        np.savez(file, electrons=electrons, rows=np.stack(rows), columns=np.stack(columns))
        script = Path(__file__).with_name("_localization_others.py")
        done = subprocess.run(
            [python, script, file, str(2 * HALF + 1), str(SCIPY_SPOTS)],
            check=True,
            stdout=subprocess.PIPE,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def one_case(photons: float, background: float, python: str | None) -> None:
    """Print what is measured of one kind of spots."""
    simulation, stack = series(photons, background)
    settings = simulation.settings(half_size=HALF)
    electrons = settings.camera.electrons(stack)
    rows, columns, true = places(simulation)
    spots = len(true)

    def fit() -> Array:
        return np.concatenate(
            [localize_at(frame, r, c, settings) for frame, r, c in zip(electrons, rows, columns, strict=True)]
        )

    table = fit()
    bound = float(np.sqrt((table["crlb_x"].astype(float) ** 2).mean()))
    print(f"{photons} photons on {background}; the bound is {bound:.2f} nm")
    error = rms(np.column_stack([table["x"], table["y"]]), true)
    row(f"  fits, rms {error:.2f} nm = {error / bound:.3f} of the bound", cpu_seconds(fit), spots, "fits")
    if python is not None:
        others = beside(python, electrons + np.float32(settings.camera.read_variance), rows, columns)
        for name, found in others.items():
            places_of = np.array(found["places"], float) * simulation.camera.pixel_size
            error = rms(places_of, true[: len(places_of)])
            row(
                f"  {name}, rms {error:.2f} nm = {error / bound:.3f} of the bound",
                found["seconds"],
                found["spots"],
                "fits",
            )
    row(
        f"  frames, sought and fitted, {spots // len(stack)} spots",
        cpu_seconds(lambda: localize(stack, settings)),
        len(stack),
    )


def main() -> None:
    """Measure each case, and a frame with few spots, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", metavar="PYTHON")
    arguments = parser.parse_args()
    for photons, background in CASES:
        one_case(photons, background, arguments.beside)
    sparse = Simulation(seed=2, frames=50, shape=(256, 256), molecules=800, lit=0.03)
    stack = sparse.stack()
    for reach, what in ((0, "smoothed"), (25, "median of 51 frames")):
        settings = sparse.settings(background=reach)
        row(
            f"256 x 256 pixels, {800 * 0.03:.0f} spots, background {what}",
            cpu_seconds(lambda settings=settings: localize(stack, settings), 3),  # type: ignore[misc]
            len(stack),
        )


if __name__ == "__main__":
    sys.exit(main())

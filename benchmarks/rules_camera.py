"""The process of a simulated camera: ``python rules_camera.py FOLDER FRAMES RATE`` spools blinking molecules, and when it wrote each frame.

The times (seconds since 1970, one for each frame) are in ``FOLDER.times.npy`` when it ends. Frames are made before the first is due.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from beamloom.apps.localization import Camera, Simulation
from beamloom.rules import SpoolWriter

CAMERA: Final = Camera(offset=100.0, electrons_per_count=1.0, read_noise=1.5, pixel_size=100.0)
METADATA: Final[dict[str, Any]] = {
    "voxelsize": {"x": 0.1, "y": 0.1},
    "Camera.ADOffset": 100.0,
    "Camera.ElectronsPerCount": 1.0,
    "Camera.ReadNoise": 1.5,
    "localize.threshold": 6.0,
}


def simulation(frames: int) -> Simulation:
    """Spots on a grid, 64 pixels wide, each of them lit in four frames of ten."""
    return Simulation(
        seed=5, frames=frames, shape=(64, 64), pattern="grid", lit=0.4, photons=1500.0, camera=CAMERA
    )


def main(folder: Path, frames: int, rate: float) -> None:
    """See the module."""
    stack = simulation(frames).stack()
    times = np.zeros(frames)
    with SpoolWriter(folder, stack.shape[1:], str(stack.dtype), METADATA) as writer:
        begun = time.time()
        for index, frame in enumerate(stack):
            time.sleep(max(0.0, begun + index / rate - time.time()))
            writer.write(frame)
            times[index] = time.time()
    np.save(folder.with_suffix(".times.npy"), times)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))

"""Run by ``peakfinder8.py`` in another environment: searches the same frames by ondamonitor's or cfelpyutils' peakfinder8.

``PACKAGE FRAMES ROUNDS``; prints a JSON object with milliseconds of CPU time for a frame, and how many peaks it has on average.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
NEAREST, FURTHEST = 0, 100_000
"""Pixels from the beam; the mask of the frames says more."""


def ondamonitor(radius: Array, mask: str, settings: dict[str, Any]) -> Callable[[Array], int]:
    module = importlib.import_module("om.algorithms.crystallography")
    search = module.Peakfinder8PeakDetection(
        radius_pixel_map=radius,
        layout_info={
            "asic_nx": radius.shape[1],
            "asic_ny": radius.shape[0],
            "nasics_x": 1,
            "nasics_y": 1,
        },
        crystallography_parameters={
            **settings,
            "min_res": NEAREST,
            "max_res": FURTHEST,
            "bad_pixel_map_filename": mask,
            "bad_pixel_map_hdf5_path": "/mask",
        },
    )
    return lambda frame: int(search.find_peaks(data=frame)["num_peaks"])


def cfelpyutils(radius: Array, mask: str, settings: dict[str, Any]) -> Callable[[Array], int]:
    module = importlib.import_module("cfelpyutils.peakfinding.peakfinder8")
    search = module.Peakfinder8PeakDetection(
        asic_nx=radius.shape[1],
        asic_ny=radius.shape[0],
        nasics_x=1,
        nasics_y=1,
        **settings,
        min_res=NEAREST,
        max_res=FURTHEST,
        bad_pixel_map_filename=mask,
        bad_pixel_map_hdf5_path="/mask",
        radius_pixel_map=radius,
    )
    return lambda frame: len(search.find_peaks(frame).fs)


def main() -> None:
    package, path, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    given = np.load(path)
    settings = json.loads(str(given["settings"]))
    del settings["adu_per_photon"]
    with tempfile.TemporaryDirectory() as folder:
        mask = Path(folder, "mask.h5")
        with h5py.File(mask, "w") as file:
            file["/mask"] = given["mask"].astype(np.int8)
        find = {"ondamonitor": ondamonitor, "cfelpyutils": cfelpyutils}[package](
            given["radius"], str(mask), settings
        )
        medians, peaks = [], []
        for frame in given["frames"]:
            peaks.append(find(frame))
            times = []
            for _ in range(rounds):
                begun = time.process_time_ns()
                find(frame)
                times.append((time.process_time_ns() - begun) / 1e6)
            medians.append(statistics.median(times))
    print(json.dumps({"milliseconds": statistics.mean(medians), "peaks": statistics.mean(peaks)}))


if __name__ == "__main__":
    main()

"""The reference cases of the peak search, as far as they are on this machine."""

from __future__ import annotations

import functools
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
FULL_NAMES = {
    "adc": "adc_threshold",
    "snr": "minimum_snr",
    "minpix": "min_pixel_count",
    "maxpix": "max_pixel_count",
    "bgr": "local_bg_radius",
    "maxpk": "max_num_peaks",
}


class Case(NamedTuple):
    frame: Array
    mask: Array
    radius: Array
    panels: list[tuple[int, int, int, int]]
    settings: dict[str, Any]
    peaks: dict[str, Array]
    truth: Array


@functools.cache
def recipes(folder: Path) -> ModuleType:
    """The module that makes the frames."""
    spec = importlib.util.spec_from_file_location("peak_frames", folder / "frames.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def grid(shape: tuple[int, int], height: int, width: int) -> list[tuple[int, int, int, int]]:
    return [
        (top, top + height - 1, left, left + width - 1)
        for top in range(0, shape[0], height)
        for left in range(0, shape[1], width)
    ]


@functools.lru_cache(maxsize=4)
def big_case(folder: Path, name: str) -> Case:
    made = recipes(folder)
    geometry, seed, how, _ = made.CASES[name]
    stored = np.load(folder / f"{name}.npz")
    frame, truth = made.make_frame(geometry, seed, **how)
    assert made.sha(frame) == str(stored["frame_sha256"])
    radius = made.radius_map(geometry)
    settings = json.loads(str(stored["params"]))
    nearest, furthest = settings.pop("min_res"), settings.pop("max_res")
    mask = np.ones(radius.shape, np.int8)
    mask[(radius < nearest) | (radius > furthest)] = 0
    layout = json.loads(str(stored["layout"]))
    panels = grid(frame.shape, layout["asic_ny"], layout["asic_nx"])
    peaks = {
        "fs": stored["fs"],
        "ss": stored["ss"],
        "intensity": stored["intensity"],
        "num_pixels": stored["num_pixels"],
        "max_pixel_intensity": stored["max_pixel_intensity"],
        "snr": stored["snr_raw"],
    }
    return Case(frame, mask, radius, panels, settings, peaks, truth)


def edge_cases(folder: Path) -> dict[str, Case]:
    stored = np.load(folder / "edge_cases.npz")
    found = {}
    for case in json.loads((folder / "edge_cases.json").read_text()):
        name = case["name"]
        frame = stored[f"{name}__data"]
        peaks = {
            full: np.array([peak[short] for peak in case["peaks"]])
            for full, short in (
                ("fs", "fs"),
                ("ss", "ss"),
                ("intensity", "intensity"),
                ("num_pixels", "npix"),
                ("max_pixel_intensity", "max"),
                ("snr", "snr"),
            )
        }
        found[name] = Case(
            frame,
            stored[f"{name}__mask"],
            stored[f"{name}__r"],
            grid(frame.shape, case["asic_ss"], case["asic_fs"]),
            {FULL_NAMES[key]: value for key, value in case["params"].items()},
            peaks,
            np.empty((0, 4)),
        )
    return found

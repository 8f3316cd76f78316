"""A monitor.yaml as users of OM have it, and how to change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from beamloom.apps.crystallography import Simulation
from beamloom.apps.crystallography.monitor import Monitor, parse_monitor

SIMULATION = Simulation(seed=7)


def groups(**changes: dict[str, Any] | None) -> dict[str, Any]:
    """The groups of a monitor.yaml for Cheetah Streaming; changes by group, a key or group of None left out."""
    usual: dict[str, Any] = {
        "om": {
            "parallelization_layer": "MultiprocessingParallelization",
            "data_retrieval_layer": "EigerFilesDataRetrieval",
            "processing_layer": "StreamingCheetahProcessing",
        },
        "data_retrieval_layer": {
            "required_data": ["detector_data", "event_id", "beam_energy", "detector_distance", "timestamp"],
            "fallback_beam_energy_in_eV": 9500,
            "fallback_detector_distance_in_mm": 100.0,
        },
        "crystallography": {
            "geometry_file": "detector.geom",
            "min_num_peaks_for_hit": 9,
            "max_num_peaks_for_hit": 5000,
            "peakfinding_algorithm": "peakfinder8",
        },
        "cheetah": {
            "processed_directory": "processed",
            "status_file_update_interval": 10,
            "write_class_sums": True,
        },
        "peakfinder8_peak_detection": {
            "max_num_peaks": 2048,
            "adc_threshold": 8,
            "minimum_snr": 6.0,
            "min_pixel_count": 2,
            "max_pixel_count": 40,
            "local_bg_radius": 3,
            "min_res": 0,
            "max_res": 0,
        },
    }
    for group, keys in changes.items():
        if keys is None:
            del usual[group]
        else:
            merged = {**usual.get(group, {}), **keys}
            usual[group] = {key: value for key, value in merged.items() if value is not None}
    return usual


def text_of(**changes: dict[str, Any] | None) -> str:
    """The same as a file."""
    return yaml.safe_dump(groups(**changes), sort_keys=False)


def line_of(text: str, key: str) -> int:
    """The line on which a key of a group stands, from 1; the last one where there are several."""
    return max(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(f"  {key}:"))


def prepared(folder: Path) -> Path:
    """A folder with the geometry in it."""
    (folder / "detector.geom").write_text(SIMULATION.geometry_text())
    return folder


def read(folder: Path, **changes: dict[str, Any] | None) -> Monitor:
    """What a changed monitor.yaml in ``folder`` says."""
    return parse_monitor(text_of(**changes), folder=prepared(folder))

"""What one run has read the next one uses, unless it has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from apps.crystallography.series import SIMULATION, packets, parameter_set, plain
from beamloom import Event
from beamloom.apps.crystallography import Worker
from beamloom.apps.crystallography.analysis import instrument
from beamloom.apps.crystallography.geometry import Geometry, parse_geometry

INDEX = next(index for index in range(20) if SIMULATION.truth(index).hit)


def test_a_geometry_is_read_once_for_many_runs_and_again_where_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SIMULATION.geometry_text()
    path = tmp_path / "detector.geom"
    mask = np.zeros(SIMULATION.shape, np.uint8)
    head = "mask_file = mask.h5\nmask = /mask\nmask_good = 0x0\nmask_bad = 0x1\n"

    def write_mask(name: str) -> None:
        with h5py.File(tmp_path / name, "w") as file:
            file["mask"] = mask
        (tmp_path / name).replace(tmp_path / "mask.h5")

    path.write_text(head + text)
    write_mask("first.h5")
    read: list[str] = []

    def counted(text: str) -> Geometry:
        read.append(text)
        return parse_geometry(text)

    monkeypatch.setattr(instrument, "parse_geometry", counted)
    parameters = parameter_set(geometry_file_file=b"", geometry_file=str(path))
    event = Event(INDEX + 1, {"camera": packets(INDEX + 1)[INDEX + 1]})
    context: dict[Any, Any] = {}

    def peaks() -> tuple[int, int]:
        payload = plain(Worker(parameters, context).process_event(event, parameters))
        return int(payload["events"]["num_peaks"][INDEX + 1]), len(read)

    all_peaks, _ = peaks()
    assert peaks() == (all_peaks, 1)
    mask[: SIMULATION.shape[0] // 2] = 1
    write_mask("second.h5")
    some, times = peaks()
    assert 0 < some < all_peaks
    assert times == 2
    path.write_text(text)
    assert peaks() == (all_peaks, 3)
    assert peaks() == (all_peaks, 3)

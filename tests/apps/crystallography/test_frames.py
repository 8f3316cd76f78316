"""Frames as detectors send them: stacked panels, several images at a time, pixels that flag themselves, masks of the geometry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from apps.crystallography.series import SIMULATION, parameter_set, plain
from beamloom import Event, Packet, PacketKind, ParameterSet, UserError
from beamloom.apps.crystallography import Worker
from beamloom.devices import dectris_v2, stins

Array = np.ndarray[Any, np.dtype[Any]]
INDEX = next(index for index in range(20) if SIMULATION.truth(index).hit)


def row_of(image: Array, parameters: ParameterSet, **more: Packet) -> dict[str, Any]:
    """What the table says of a frame, and its powder of peaks."""
    _, message, _ = stins.generate(images=[image])
    event = Event(0, {"camera": Packet("STINS", message, 1), **more})
    payload = plain(Worker().process_event(event, parameters))
    (shaped,) = payload["layouts"].values()
    (sums,) = shaped["classes"].values()
    return {"num_peaks": payload["events"]["num_peaks"][0], "powder": sums["peaks"]["peaks"]}


@pytest.fixture(scope="module")
def wanted() -> dict[str, Any]:
    return row_of(SIMULATION.frame(INDEX), parameter_set())


def changed(old: str, new: str) -> dict[str, Any]:
    """The geometry with one line for another."""
    text = SIMULATION.geometry_text()
    assert old in text
    return {"geometry_file_file": text.replace(old, new).encode()}


def test_panels_that_come_stacked_are_searched_as_a_slab(wanted: dict[str, Any]) -> None:
    height, width = SIMULATION.panel
    lines = []
    for line in SIMULATION.geometry_text().splitlines():
        name, _, value = line.partition(" = ")
        panel, _, field = name.partition("/")
        if field in ("min_ss", "min_fs"):
            value = "0"
        elif field == "max_ss":
            value = str(height - 1)
        elif field == "max_fs":
            value = str(width - 1)
            lines += [
                f"{panel}/dim0 = {2 * int(panel[1]) + int(panel[2])}",
                f"{panel}/dim1 = ss",
                f"{panel}/dim2 = fs",
            ]
        lines.append(f"{name} = {value}")
    frame = SIMULATION.frame(INDEX)
    stack = frame.reshape(2, height, 2, width).swapaxes(1, 2).reshape(4, height, width)
    found = row_of(stack, parameter_set(geometry_file_file="\n".join(lines).encode()))
    assert found["num_peaks"] == wanted["num_peaks"]
    assert found["powder"].shape == (4 * height, width)
    assert found["powder"].sum() == wanted["powder"].sum()


def test_of_several_thresholds_one_is_chosen(wanted: dict[str, Any]) -> None:
    frame = SIMULATION.frame(INDEX)
    pair = np.stack([np.zeros_like(frame), frame])
    messages = list(dectris_v2.generate(images=[pair], channels=["one", "two"]))
    event = Event(0, {"eiger": Packet(dectris_v2.TYP, messages[1], 1, PacketKind.DATA)})
    for channel, peaks in ((0, 0), (1, wanted["num_peaks"])):
        payload = plain(Worker().process_event(event, parameter_set(detector_channel=channel)))
        assert payload["events"]["num_peaks"][0] == peaks
    with pytest.raises(UserError, match="give 0 to 1"):
        Worker().process_event(event, parameter_set(detector_channel=2))


def test_a_frame_of_another_detector_is_refused_with_its_shape() -> None:
    with pytest.raises(UserError, match="64 x 64"):
        row_of(np.zeros((64, 64), np.uint16), parameter_set())


def test_pixels_that_flag_themselves_are_not_searched(wanted: dict[str, Any]) -> None:
    frame = SIMULATION.frame(INDEX)
    frame[40:43, 40:43] = 65535
    worse = row_of(frame, parameter_set())
    assert worse["num_peaks"] == wanted["num_peaks"] + 1
    flagged = parameter_set(**changed("res = 13333.3", "res = 13333.3\nflag_morethan = 60000"))
    assert row_of(frame, flagged)["num_peaks"] == wanted["num_peaks"]


def test_masks_and_bad_regions_of_the_geometry_hold(wanted: dict[str, Any], tmp_path: Path) -> None:
    half = SIMULATION.shape[0] // 2
    region = "bad/min_y = -10000\nbad/max_y = 0\nbad/min_x = -10000\nbad/max_x = 10000\n"
    text = SIMULATION.geometry_text()
    found = row_of(SIMULATION.frame(INDEX), parameter_set(geometry_file_file=(text + region).encode()))
    assert not found["powder"][:half].any()
    assert np.array_equal(found["powder"][half:] > 0, wanted["powder"][half:] > 0)
    mask = np.zeros(SIMULATION.shape, np.uint8)
    mask[:half] = 1
    with h5py.File(tmp_path / "mask.h5", "w") as file:
        file["mask"] = mask
    head = "mask_file = mask.h5\nmask = /mask\nmask_good = 0x0\nmask_bad = 0x1\n"
    (tmp_path / "detector.geom").write_text(head + text)
    by_mask = row_of(
        SIMULATION.frame(INDEX),
        parameter_set(geometry_file_file=b"", geometry_file=str(tmp_path / "detector.geom")),
    )
    assert np.array_equal(by_mask["powder"], found["powder"])


def test_limits_of_resolution_are_pixels_from_the_beam_both_included(wanted: dict[str, Any]) -> None:
    truth = SIMULATION.truth(INDEX)
    found = row_of(SIMULATION.frame(INDEX), parameter_set(min_res=40, max_res=90))
    assert 0 < found["num_peaks"] < wanted["num_peaks"] <= len(truth.fs)
    gap, (height, width) = SIMULATION.gap / 2, SIMULATION.panel
    rows, columns = np.nonzero(found["powder"])
    y = rows - height + np.where(rows < height, -gap, gap)
    x = columns - width + np.where(columns < width, -gap, gap)
    assert (np.hypot(x, y) >= 38).all()
    assert (np.hypot(x, y) <= 92).all()


def test_a_geometry_without_energy_uses_what_is_known_else() -> None:
    simulation = (
        SIMULATION.geometry_text()
        .replace("photon_energy = 9500 eV\n", "")
        .replace("clen = 0.1 m", "clen = /detector/distance mm")
    )
    _, message, _ = stins.generate(images=[SIMULATION.frame(INDEX)])
    event = Event(0, {"camera": Packet("STINS", message, 1)})

    def resolution(**more: Any) -> float:
        payload = plain(Worker().process_event(event, parameter_set(**more)))
        return float(payload["events"]["resolution"][0])

    known = resolution()
    given = {"geometry_file_file": simulation.encode()}
    assert np.isnan(resolution(**given))
    fallback = {"fallback_beam_energy_in_eV": 9500, "fallback_detector_distance_in_mm": 100}
    assert resolution(**given, **fallback) == pytest.approx(known, rel=1e-6)

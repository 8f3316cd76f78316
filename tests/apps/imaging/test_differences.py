"""Differences of consecutive frames: those of a loop over all frames, however windows and workers are chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.runs import analysed, assert_same, camera_events, parameters_of, plain, recorded
from beamloom import TriggerMap, UserError
from beamloom.apps.imaging import DifferenceWorker, Reducer, Simulation, windows
from beamloom.apps.imaging.differences import difference
from beamloom.replay import replay
from beamloom.triggermap import overlapping

SIMULATION = Simulation(seed=4, shape=(24, 32))
FRAMES = 37
RUN = "70b3ce40-6e3e-4931-8dbc-245334e26eae"


def in_one_loop() -> dict[str, Any]:
    events = camera_events([SIMULATION.frame(index) for index in range(FRAMES)])
    return analysed(DifferenceWorker, Reducer, events, parameters_of(DifferenceWorker))


def replayed(folder: Path, body: Any, workers: int) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    # Recorded maps hold the events that open and close the series.
    wrapped = TriggerMap.from_json(body).to_json()
    (folder / f"mapping-{RUN}.json").write_text(json.dumps(wrapped))
    events = camera_events([SIMULATION.frame(index) for index in range(FRAMES)])
    path = recorded(folder / f"camera-ingester-{RUN}.cbors", events)
    report = replay(DifferenceWorker, Reducer, [path], workers=workers)
    assert not report.failures
    tree: dict[str, Any] = plain(report.publish)
    return tree


def test_the_loop_sees_each_pair_once() -> None:
    images = [SIMULATION.frame(index).astype(np.int64) for index in range(FRAMES)]
    changes = np.abs(np.diff(images, axis=0))
    tree = in_one_loop()
    assert np.array_equal(tree["changes"]["sum"], changes.sum(axis=0))
    assert np.array_equal(tree["change"]["change"], changes.mean(axis=(1, 2)))
    assert tree["change"]["event"].tolist() == list(range(2, FRAMES + 1))


@pytest.mark.parametrize(("size", "workers"), [(2, 2), (2, 5), (7, 3), (36, 2), (50, 2)])
def test_windows_of_any_size_over_any_number_of_workers_give_the_answer_of_the_loop(
    tmp_path: Path, size: int, workers: int
) -> None:
    assert_same(replayed(tmp_path, windows("camera", FRAMES, size), workers), in_one_loop())


def test_the_overlapping_map_of_pairs_gives_the_same(tmp_path: Path) -> None:
    body = overlapping(["camera"], FRAMES).to_json()
    assert_same(replayed(tmp_path, body, 3), in_one_loop())


def test_windows_are_a_trigger_map_in_which_only_the_last_frame_of_a_window_goes_to_two_workers() -> None:
    body = windows("camera", 10, 4)
    TriggerMap.from_json(body)
    cells = body["parts"]["main"]["camera"]
    assert [[one["constraint"] for one in cell] for cell in cells] == [
        [0], [0], [0], [0, 1], [1], [1], [1, 2], [2], [2], [2],
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no pair of neighbours"):
        windows("camera", 10, 1)


def test_a_frame_behind_a_gap_has_no_difference() -> None:
    events = camera_events([SIMULATION.frame(index) for index in range(5)])
    del events[3]
    tree = analysed(DifferenceWorker, Reducer, events, parameters_of(DifferenceWorker))
    assert tree["change"]["event"].tolist() == [2, 5]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int8", "int16", "int32", "float32"])
def test_a_difference_never_overflows(dtype: str) -> None:
    kind = np.dtype(dtype)
    low, high = (-3.5, 7.25) if kind.kind == "f" else (np.iinfo(kind).min, np.iinfo(kind).max)
    before, after = np.array([[low, high, low]], kind), np.array([[high, low, low]], kind)
    assert difference(before, after).tolist() == [[high - low, high - low, 0]]


@pytest.mark.parametrize("shape", [(1, 32), (20, 32)])
def test_frames_of_two_shapes_have_no_difference(shape: tuple[int, int]) -> None:
    worker, given = DifferenceWorker(), parameters_of(DifferenceWorker)
    events = camera_events([SIMULATION.frame(0), np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)])[1:]
    assert worker.process_event(events[0], given) is None
    with pytest.raises(UserError, match="let the camera keep its region"):
        worker.process_event(events[1], given)
    assert worker.process_event(events[2], given) is not None

"""Angles of encoders that begin again, and those of a real scan."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.runs import parameters_of, plain
from apps.tomography.scans import scan, settings
from beamloom import Event, Packet, Result
from beamloom.apps.images import Image
from beamloom.apps.tomography import Reducer, Simulation, Turning, Worker
from beamloom.apps.tomography.encoder import Encoder
from beamloom.replay import replay

DANMAX: dict[str, Any] = {
    "angle_column": "SFP3_SYNC_IN.POS1.Mean",
    "time_column": "PCAP.TS_TRIG.Value",
    "angle_scale": 360 / 2**32,
    "angle_offset": -50.0,
    "angle_turn": 360.0,
    "slices": False,
}
"""An absolute encoder of 32 bits for a turn, and a PandABox that captures its mean."""


def followed(times: Any, shown: Any, turning: Turning) -> list[float]:
    return [turning.follow(*one).degrees for one in zip(times, shown, strict=True)]


def test_angles_of_several_turns_go_on_where_the_encoder_begins_again() -> None:
    truth = np.arange(-20, 900, 7.0)
    shown = (truth + 180) % 360 - 180
    np.testing.assert_allclose(followed(range(len(truth)), shown, Turning(360.0)), truth)
    backwards = truth[::-1] - truth[-1]
    shown = (backwards + 180) % 360 - 180
    np.testing.assert_allclose(followed(range(len(truth)), shown, Turning(360.0)), backwards)


@pytest.mark.parametrize("exposed", [0.4, 0.99])
def test_a_mean_over_a_jump_of_the_encoder_is_replaced_by_where_the_motion_leads_to(exposed: float) -> None:
    step, offset = 11.3, 20.0
    truth = 3.0 + step * np.arange(300)
    fine = np.linspace(-exposed / 2, exposed / 2, 1001) * step
    # What a box captures: the mean of what the encoder shows during the exposure.
    shown = [offset + np.mean((angle + fine - offset + 180) % 360 - 180) for angle in truth]
    turning = Turning(360.0, offset)
    angles = [turning.follow(0.1 * index, value) for index, value in enumerate(shown)]
    assert np.abs(np.array([angle.degrees for angle in angles]) - truth).max() < 0.05 * step
    made_up = [index for index, angle in enumerate(angles) if not angle.measured]
    over_a_jump = [
        index
        for index, angle in enumerate(truth)
        if len(set(np.floor((angle + fine - offset + 180) / 360))) > 1
    ]
    assert set(made_up) <= set(over_a_jump)
    assert made_up


def test_uneven_times_and_missing_frames_do_not_mislead_it() -> None:
    times = np.array([0.0, 1.0, 2.0, 5.0, 6.0, 10.0, 11.0])
    truth = 170 + 5 * times
    shown = (truth + 180) % 360 - 180
    np.testing.assert_allclose(followed(times, shown, Turning(360.0)), truth)


def test_an_encoder_that_never_begins_again_is_taken_as_it_is() -> None:
    assert followed([0, 1, 2], [10.0, 500.0, -3.0], Turning()) == [10.0, 500.0, -3.0]
    assert math.isnan(Turning(360.0).follow(0.0, math.nan).degrees)


def test_the_recorded_scan_has_its_angles_and_times(shared_data: Path) -> None:
    report = replay(
        Worker, Reducer, sorted((shared_data / "recordings").glob("*.cbors")), parameters=encoded(DANMAX)
    )
    assert not report.failures
    tree = plain(report.publish)
    # ascanct tom_ry 0 180 10: eleven frames, each exposed while the axis turned from 0, 18, 36, ... on.
    degrees = tree["angles"]["angle"]
    assert len(degrees) == 11
    np.testing.assert_allclose(degrees, 8.79 + 18 * np.arange(11), atol=0.01)
    # In the eighth the encoder began again: Sardana's own record of it says -172.56.
    assert tree["angles"]["measured"].tolist() == [True] * 7 + [False] + [True] * 3
    assert tree["frames"]["degrees"][8] == pytest.approx(-172.56, abs=0.01)
    np.testing.assert_allclose(np.diff(tree["angles"]["time"]), 0.13298, atol=1e-4)
    assert tree["frames"]["frame_number"][1:12].tolist() == list(range(1, 12))
    camera = tree["frames"]["camera_time"][1:12]
    assert np.abs(camera - camera[0] - (tree["angles"]["time"] - tree["angles"]["time"][0])).max() < 0.002


def encoded(values: dict[str, Any]) -> dict[str, bytes]:
    return {
        one.name: one.encode(values[one.name]) for one in Worker.describe_parameters() if one.name in values
    }


def test_angles_go_on_over_the_jump_also_where_no_times_are_known() -> None:
    truth = np.arange(150.0, 250.0, 10.0)
    shown = (truth + 180) % 360 - 180
    np.testing.assert_allclose(followed([math.nan] * len(truth), shown, Turning(360.0)), truth)


def test_a_camera_that_begins_its_frames_below_zero_has_all_of_them_in_the_slices() -> None:
    simulation = Simulation(seed=2, shape=(16, 32), frames=6)
    given, reducer = parameters_of(Worker, **settings(simulation)), Reducer()
    for event in scan(simulation)[1:-1]:
        payload = Worker().process_event(event, given)
        assert payload is not None
        reducer.process_result(
            Result(event.event_number, "w", given.hash, payload | {"frame_number": event.event_number - 3})
        )
    reducer.finish(given)
    tree = plain(reducer.publish)
    assert tree["angles"]["event"].tolist() == tree["sinogram"]["event"].tolist() == [1, 2, 3, 4, 5, 6]


def test_numbers_of_numpy_are_numbers() -> None:
    captured = {"status": "running", "dt": 1.0, "angle": np.float32(12.5), "time": np.int64(3)}
    packet = Packet("contrast", [pickle.dumps(captured, protocol=4)])
    given = parameters_of(Worker, angle_column="angle", time_column="time")
    reading = Encoder().reading(Event(1, {"motors": packet}), Image("camera", {}), given)
    assert reading == (12.5, 3.0)

"""Which run a scan gets, and what its motor does that the analysis says."""

from __future__ import annotations

from typing import Any

import pytest

from beamloom.control.scanning.arming import KnownStreams, map_of_scan, streams_of_scan
from beamloom.control.scanning.positions import positions_of
from beamloom.errors import MapRefused

KNOWN = KnownStreams(frozenset({"eiger", "diode", "sardana"}), frozenset({"sardana"}))


def test_the_streams_are_those_named_as_channels_and_those_of_the_record() -> None:
    assert streams_of_scan(["ct01", "eiger"], [], KNOWN, "senv") == ["eiger", "sardana"]
    assert streams_of_scan(["ct01"], ["diode"], KNOWN, "senv") == ["diode", "sardana"]
    with pytest.raises(
        MapRefused, match=r"none of the detectors .*\(ct01, ct02\).*\(diode, eiger, sardana\).*: senv"
    ):
        streams_of_scan(["ct01", "ct02"], [], KNOWN, "senv")
    with pytest.raises(MapRefused, match="'pilatus' is named as a stream of the scan, and is no stream"):
        streams_of_scan(["eiger"], ["pilatus"], KNOWN, "senv")


@pytest.mark.parametrize(
    ("points", "frames", "events"), [(11, 1, 13), (4, 5, 22), (None, 1, None), (None, 5, None)]
)
def test_the_map_has_an_event_for_each_frame(points: int | None, frames: int, events: int | None) -> None:
    trigger_map = map_of_scan(["eiger", "sardana"], KNOWN.records, points, frames)
    assert trigger_map.total_events == events
    # The record has a packet at the last frame of each point.
    cells = trigger_map.to_json()["parts"]["main"]["mapping"]["sardana"]
    assert [bool(cell) for cell in cells[:frames]] == [False] * (frames - 1) + [True]


def test_a_burst_of_no_frames_is_refused() -> None:
    with pytest.raises(MapRefused, match="0 frames of each detector at each point are none"):
        map_of_scan(["eiger"], frozenset(), 4, 0)


@pytest.mark.parametrize(
    ("said", "position"),
    [
        (1.5, 1.5),
        ({"mot": 2}, 2.0),
        ({"position": 3}, 3.0),
        ({"position": {"mot": 4, "other": 1}}, 4.0),
        ({"other": 5}, None),
        (float("nan"), None),
        (True, None),
        ("6", None),
        (None, None),
    ],
)
def test_a_position_is_a_number_or_numbers_by_names_of_motors(said: Any, position: float | None) -> None:
    assert positions_of(said, ["mot"]).get("mot") == position

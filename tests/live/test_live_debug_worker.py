"""The debug worker sees what the map sends to its tag, beside the others, and shows it."""

from __future__ import annotations

import pickle

import pytest
import requests

from beamloom import Event
from beamloom.devices.stins import Stream1Data
from live.conftest import CAMERAS
from live.pipelines import Bench, Live
from live.series import pictures
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

EVENTS = 60


def last_events(live: Live, number: int) -> list[Event]:
    """The last events of the debug worker, as a notebook gets them."""
    address = f"{live.placement.debugworker_url}/api/v1/last_events?number={number}"
    answer = requests.get(address, timeout=PATIENCE)
    assert answer.status_code == 200
    events: list[Event] = pickle.loads(answer.content)
    return events


def test_it_sees_every_tenth_event_beside_the_worker_of_that_event(live: Live, cameras: Bench) -> None:
    def cell(event: int) -> list[dict[str, object]]:
        worker: dict[str, object] = {"tags": ["generic"], "constraint": event}
        return [worker, {"tags": ["debug"], "constraint": None}] if event % 10 == 0 else [worker]

    live.arm(
        {
            "parts": {
                "main": {camera: [cell(event) for event in range(1, EVENTS + 1)] for camera in CAMERAS}
            },
            "sequence": ["main"],
        }
    )
    cameras.play("front", pictures(EVENTS))
    cameras.play("side", pictures(EVENTS))
    end = live.finished()
    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0)
    tree = live.published()
    assert {event: tree["times"][event] for event in range(1, EVENTS + 1) if tree["times"][event] != 1} == {}
    assert set(tree["worker"].values()) <= {"worker-1", "worker-2"}

    seen = last_events(live, 5)
    assert all(isinstance(event, Event) for event in seen)
    assert [event.event_number for event in seen] == [30, 40, 50, 60, 61]
    for event in seen[:-1]:
        for camera in CAMERAS:
            picture = event.streams[camera].parse()
            assert isinstance(picture, Stream1Data)
            assert picture.data[0, 0] == event.event_number - 1
    assert [event.event_number for event in last_events(live, 1)] == [61]

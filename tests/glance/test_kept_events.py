"""The kept events one by one: listed, told, and their arrays as they were sent."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
import requests

from beamloom.devices import generator
from beamloom.events import Event, Packet, PacketKind
from beamloom.glance.event_view import arrays_of
from beamloom.glance.kept import KeptEvents
from beamloom.services.worker.debugworker import LastEvents, make_app
from beamloom.transport.http_server import HttpServer

KEPT = 3
HEAD = b'{"type":"item","kind":"images","number":%d,"shape":[8,6],"dtype":"uint16","values":{}}'


def picture(number: int) -> np.ndarray:
    return np.arange(48, dtype="<u2").reshape(8, 6) + number


def an_event(number: int) -> Event:
    frames = [HEAD % number, picture(number).tobytes()]
    packets = {"camera": Packet(generator.TYP, frames, number + 1), "odd": Packet("none", [b"x"], 1)}
    return Event(number, packets)


@pytest.fixture
def url() -> Iterator[str]:
    events = LastEvents(KEPT)
    for number in range(10, 15):
        events.kept.add(an_event(number))
    with HttpServer(make_app(events)) as server:
        yield f"{server.url}/api/v1/kept"


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=10)


def test_an_event_keeps_its_place_while_others_come() -> None:
    events = KeptEvents(KEPT)
    for number in (7, 7, 8, 9):
        events.add(an_event(number))
    second = events.at(1)
    assert second is not None
    assert (second.event.event_number, second.place, second.size) == (7, 1, len(HEAD % 7) + 96 + 1)
    assert [kept.place for kept in events.last(2)] == [2, 3]
    assert (events.at(0), events.at(4)) == (None, None)


def test_they_are_listed_oldest_first_and_told_apart_by_version(url: str) -> None:
    answer = get(url)
    listed = answer.json()
    assert (listed["keeps"], listed["seen"]) == (KEPT, 5)
    assert [(one["place"], one["event_number"]) for one in listed["events"]] == [(2, 12), (3, 13), (4, 14)]
    assert all(one["bytes"] > 96 and one["at"] > 1.7e9 for one in listed["events"])
    assert get(url, **{"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_one_is_told_with_its_arrays_and_without_pictures(url: str) -> None:
    told = get(f"{url}/3").json()
    assert (told["place"], told["event_number"]) == (3, 13)
    camera = told["streams"]["camera"]
    assert camera["arrays"]["array"] == {"shape": [8, 6], "dtype": "uint16", "min": 13, "max": 60}
    assert "no parser is installed" in told["streams"]["odd"]["problem"]


def test_an_array_is_the_one_that_was_sent(url: str) -> None:
    answer = get(f"{url}/3/array?stream=camera&name=array")
    array = np.load(io.BytesIO(answer.content))
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array, picture(13))
    small = np.load(io.BytesIO(get(f"{url}/3/array?stream=camera&name=array&most=2,2").content))
    assert small.tolist() == [[33, 36], [57, 60]]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/1", 404, "is not kept any more: the debug worker keeps the last 3"),
        ("/5", 404, "only 5 events have come"),
        ("/3/array?stream=spectra&name=array", 404, "no packet of a stream 'spectra'; it has: camera, odd"),
        ("/3/array?stream=camera&name=other", 404, "no array 'other'; it has: array"),
        ("/3/array?stream=odd&name=array", 404, "the packet cannot be read: UnknownPacketType"),
        ("/3/array?stream=camera&name=array&most=0", 400, "most is a number from 1"),
        ("/3/array?stream=camera&name=array&most=1,1,1", 400, "the array has 2 axes"),
    ],
)
def test_what_cannot_be_had_is_refused_with_a_sentence(url: str, path: str, status: int, said: str) -> None:
    answer = get(url + path)
    assert answer.status_code == status
    assert said in answer.json()["detail"]


def test_a_start_has_no_arrays() -> None:
    head = b'{"type":"start","kind":"images","items":0,"shape":[8,6],"dtype":"uint16","seed":1}'
    assert arrays_of(Packet(generator.TYP, [head], None, PacketKind.START)) == {}

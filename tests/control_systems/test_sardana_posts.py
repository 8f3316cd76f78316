"""What works with Sardana and needs none: which run a scan gets, and that its posts arrive."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from beamloom.control.sardana.arming import KnownStreams, map_of_scan, streams_of_scan
from beamloom.control.sardana.posting import ScanPoster
from beamloom.devices import sardana
from beamloom.devices.sardana import BROKEN_OFF, SardanaSettings, SardanaSource, take_post
from beamloom.devices.sardana_scans import Listeners
from beamloom.errors import MapRefused, PipelineError
from beamloom.events import Packet
from live.pipelines import wait_until
from support.ports import quiet_port

KNOWN = KnownStreams(frozenset({"eiger", "diode", "sardana"}), frozenset({"sardana"}))


def test_the_streams_are_those_named_as_channels_and_those_of_the_record() -> None:
    assert streams_of_scan(["ct01", "eiger"], [], KNOWN) == ["eiger", "sardana"]
    assert streams_of_scan(["ct01"], ["diode"], KNOWN) == ["diode", "sardana"]
    with pytest.raises(MapRefused, match=r"no enabled channel .*\(ct01, ct02\).*\(diode, eiger, sardana\)"):
        streams_of_scan(["ct01", "ct02"], [], KNOWN)
    with pytest.raises(MapRefused, match="BeamloomStreams names 'pilatus', which is no stream"):
        streams_of_scan(["eiger"], ["pilatus"], KNOWN)


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
    with pytest.raises(MapRefused, match="BeamloomBurst is 0; it is the number of frames at each point"):
        map_of_scan(["eiger"], frozenset(), 4, 0)


# ---- posts ----------------------------------------------------------------------------------------------------------------


class Stream:
    """A stream of the device ``sardana`` in this process, which may be started again."""

    def __init__(self) -> None:
        self.settings = SardanaSettings(url=f"http://127.0.0.1:{quiet_port()}")
        self.start()

    def start(self) -> None:
        self.listeners = Listeners(take_post, BROKEN_OFF)
        self.source = SardanaSource(self.settings, self.listeners)

    def close(self) -> None:
        """As if its process had been killed: what was not read is gone."""
        self.source.close()
        self.listeners.close()

    def read(self, count: int) -> list[Packet]:
        """The next packets, once they are there."""
        items: list[Any] = []

        def enough() -> bool:
            items.extend(self.source.read(100))
            return len(items) >= count

        wait_until(enough, f"{count} packets", lambda: str(items))
        return items


@pytest.fixture
def stream() -> Iterator[Stream]:
    with closing(Stream()) as made:
        yield made


def posts_of(points: int) -> list[tuple[str, bytes]]:
    return [(route.decode().removeprefix("/v1/"), body) for route, body in sardana.generate(points=points)]


def test_what_is_posted_is_read(stream: Stream) -> None:
    stream.source.open()
    poster = ScanPoster(stream.settings.url)
    for route, body in posts_of(20):
        poster.post(route, body)
    delivered = poster.finish()
    assert (delivered.posts, delivered.kept, delivered.problem) == (22, 22, "")
    assert [packet.number for packet in stream.read(22)] == [None, *range(1, 21), None]


def test_a_stream_that_was_started_again_is_told_the_whole_scan_and_leaves_out_what_nobody_needs(
    stream: Stream,
) -> None:
    stream.source.open()
    poster = ScanPoster(stream.settings.url)
    posts = posts_of(20)
    for route, body in posts[:8]:
        poster.post(route, body)
    stream.read(8)
    bearing = stream.source.bearing
    assert bearing == {"serialno": 1}
    stream.close()
    stream.start()
    stream.source.reread(bearing, 5)
    stream.source.open()
    for route, body in posts[8:]:
        poster.post(route, body)
    delivered = poster.finish()
    assert (delivered.posts, delivered.kept) == (22, 22), delivered
    assert [packet.number for packet in stream.read(18)] == [None, *range(5, 21), None]


def test_another_scan_is_none_of_a_run_that_goes_on(stream: Stream) -> None:
    stream.source.reread({"serialno": 7}, 0)
    stream.source.open()
    poster = ScanPoster(stream.settings.url)
    for route, body in posts_of(3):
        poster.post(route, body)
    assert poster.finish().kept == 5
    assert not stream.source.read(100)


def test_several_scans_in_a_run_are_not_taken_up() -> None:
    source = SardanaSource(SardanaSettings(url="http://127.0.0.1:1", scans_per_run=2), sardana.LISTENERS)
    with pytest.raises(ValueError, match="or the run has several scans"):
        source.reread({"serialno": 1}, 0)


def test_a_scan_goes_on_where_nobody_listens_and_its_end_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    poster = ScanPoster(f"http://127.0.0.1:{port}")
    for route, body in posts_of(3):
        poster.post(route, body)
    delivered = poster.finish()
    assert (delivered.posts, delivered.kept) == (5, 0)
    assert str(delivered).startswith(f"0 of 5 posts were kept: no stream answers at http://127.0.0.1:{port}")


def test_what_a_stream_does_not_keep_is_told(stream: Stream) -> None:
    stream.source.open()
    poster = ScanPoster(stream.settings.url)
    (described, *_), (route, body) = posts_of(1)[:2], ("record_data", b"no JSON")
    for one in (described, (route, body)):
        poster.post(*one)
    delivered = poster.finish()
    assert (delivered.posts, delivered.kept) == (2, 1)
    assert "the post is no JSON" in delivered.problem


def test_an_address_that_is_none_is_said() -> None:
    with pytest.raises(PipelineError, match="is no address"):
        ScanPoster("ftp://nowhere")

"""What works with Sardana and needs none: its recorder's posts, also to a stream that is started again, and what a user is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from beamloom.cli import main
from beamloom.control.sardana.installing import to_type
from beamloom.control.sardana.posting import ScanPoster
from beamloom.devices import sardana
from beamloom.devices.sardana import BROKEN_OFF, SardanaSettings, SardanaSource, take_post
from beamloom.devices.sardana.scans import Listeners
from beamloom.errors import PipelineError
from beamloom.events import Packet
from live.pipelines import wait_until
from support.ports import quiet_port


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


def test_a_tango_database_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tango", reason="needs PyTango: pip install 'beamloom[tango]'")
    monkeypatch.setenv("TANGO_HOST", f"127.0.0.1:{quiet_port()}")
    assert main(["sardana", "macroserver/veritas/1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("beamloom sardana: no Tango database answers")
    assert "set TANGO_HOST to where it is" in said


def test_what_spock_has_to_be_told_names_what_is_missing() -> None:
    assert "senv BeamloomRecorderUrl http://HOST:PORT" in to_type("http://beamline:5000", None)
    assert to_type("http://beamline:5000", "http://beamline:8000")[:2] == [
        "senv BeamloomUrl http://beamline:5000",
        "senv BeamloomRecorderUrl http://beamline:8000",
    ]


def test_an_address_that_is_none_is_said() -> None:
    with pytest.raises(PipelineError, match="is no address"):
        ScanPoster("ftp://nowhere")

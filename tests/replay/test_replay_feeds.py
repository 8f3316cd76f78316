"""One pass over a recording for all its streams: who reads on, and how much waits for others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from beamloom.events import Packet
from beamloom.recordings import Record, RecordingWriter
from beamloom.replay import _source
from beamloom.replay._feeds import FileFeed
from beamloom.replay._source import SharedFeed


def records() -> Iterator[Record]:
    """A camera in each event, with frames that are just read ahead, and a thermometer in the last alone."""
    for event in range(100):
        yield Record(event, {"camera": Packet("STINS", [b"{}", bytes((1 << 16) - 8)])})
    yield Record(100, {"thermometer": Packet("STINS", [b"{}"])})


@pytest.fixture
def feed(tmp_path: Path) -> FileFeed:
    with RecordingWriter(tmp_path / "x.cbors") as writer:
        for record in records():
            writer.write(record)
    return FileFeed(tmp_path / "x.cbors")


def test_a_rare_stream_reads_on_as_far_as_the_others_have_room(
    feed: FileFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_source, "QUEUED_BYTES", 1 << 21)
    shared = SharedFeed(feed, ["camera", "thermometer"])
    assert shared.take("thermometer", 10) == []
    assert shared.has_more("thermometer")
    camera = 0
    while not (thermometer := shared.take("thermometer", 10)):
        taken = shared.take("camera", 1000)
        # One run of records more than there is room for, and no more.
        assert 1 <= sum(row.count for _, row in taken) <= (1 << 21) // (1 << 16) + 17
        camera += sum(row.count for _, row in taken)
    assert [(event, row[0].frames) for event, row in thermometer] == [(100, [b"{}"])]
    camera += sum(row.count for _, row in shared.take("camera", 1000))
    assert camera == 100


def test_a_stream_gets_no_more_than_it_asks_for_and_all_in_the_end(feed: FileFeed) -> None:
    shared = SharedFeed(feed, ["camera", "thermometer"])
    events: list[int] = []
    while shared.has_more("camera"):
        taken = shared.take("camera", 7)
        assert sum(row.count for _, row in taken) <= 7
        events += [first + place for first, row in taken for place in range(row.count)]
    assert events == list(range(100))

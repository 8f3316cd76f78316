"""A device that stays connected: each run gets its own series, whole, whatever comes when."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.device import SourceFigures
from beamloom.events import Packet, PacketKind
from beamloom.services.ingester.standby import Standby
from services.bench import Feed, end, frame, start


class Watching:
    """Stands for the mailbox: what is watched, and that nothing is watched or let go twice."""

    def __init__(self) -> None:
        self.watched: set[Any] = set()

    def watch(self, pollable: Any) -> None:
        assert pollable not in self.watched
        self.watched.add(pollable)

    def unwatch(self, pollable: Any) -> None:
        self.watched.remove(pollable)


def standby(feed: Feed, limit_bytes: int = 1000) -> tuple[Standby, Watching]:
    channel: Any = Watching()
    return Standby("camera", lambda: feed, limit_bytes, channel).open(), channel


def series(scan: int, frames: int) -> list[Packet]:
    header = Packet("test", [b"%d" % scan], None, PacketKind.START)
    return [header, *(Packet("test", [b"%d" % scan], n) for n in range(1, frames + 1)), end(frames + 1)]


@given(st.data())
def test_each_run_reads_exactly_one_series_from_its_start_to_its_end(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=4))
    sent = [packet for scan, frames in enumerate(lengths) for packet in series(scan, frames)]
    feed = Feed()
    device, channel = standby(feed)
    runs: list[list[Packet]] = []
    read: list[Any] = []
    reader = None
    given_back, clock = 0, itertools.count(1e9, 10.0)
    for _ in range(2000):
        if len(runs) == len(lengths):
            break
        match data.draw(st.sampled_from(["send", "turn", "begin", "read", "give back"])) if sent else "rest":
            case "send":
                feed.send([sent.pop(0)])
            case "turn":
                device.turn()
            case "begin" if reader is None and device.announces(next(clock)):
                reader, read = device.begin(one_series=True), []
            case "read" if reader is not None:
                read += reader.read(data.draw(st.integers(1, 3)))
            case "give back" if reader is not None and given_back < 3:
                given_back += 1
                reader.close()
                reader = None
            case "rest":
                device.turn()
                if reader is None and device.announces(next(clock)):
                    reader, read = device.begin(one_series=True), []
                if reader is not None:
                    read += reader.read(2)
        if reader is not None and reader.exhausted:
            reader.began()
            reader.close()
            runs.append(read)
            reader = None
    assert [[packet.kind for packet in run] for run in runs] == [
        [PacketKind.START, *[PacketKind.DATA] * frames, PacketKind.END] for frames in lengths
    ]
    assert [{packet.frames[0] for packet in run[:-1]} for run in runs] == [
        {b"%d" % scan} for scan in range(len(lengths))
    ]
    device.close()
    assert channel.watched == set()


def test_a_full_standby_reads_no_more_and_is_not_woken_until_a_run_has_begun() -> None:
    feed = Feed([start(), *(frame(n) for n in range(1, 1001))])
    device, channel = standby(feed, limit_bytes=600)
    while device.turn():
        pass
    assert len(feed.arrivals) > 0
    assert channel.watched == set()
    reader = device.begin(one_series=True)
    read = 0
    while items := reader.read(100):
        read += len(items)
    assert read == 1001
    device.close()


class CountingFeed(Feed):
    """A device that tells what no packet tells of."""

    discarded_before_start = 3
    reconnects = 2


def test_what_a_device_counts_is_told_also_of_one_that_stays_connected() -> None:
    counting, _ = standby(CountingFeed([frame(5), end(6), *series(0, 1)]))
    counting.turn()
    reader = counting.begin(one_series=True)
    assert isinstance(reader, SourceFigures)
    assert (reader.discarded_before_start, reader.reconnects) == (5, 2)
    silent, _ = standby(Feed())
    assert not isinstance(silent.begin(one_series=True), SourceFigures)

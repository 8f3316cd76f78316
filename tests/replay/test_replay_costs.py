"""What a replay costs, counted: how often a file is read, and what it keeps in memory."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from beamloom import Event, Packet
from beamloom.devices import stins
from beamloom.events import PacketKind
from beamloom.recordings import Record, RecordingWriter
from beamloom.recordings.source import HeldFile
from beamloom.replay import _replay, _source, replay
from beamloom.services.worker.run import EVENTS_PER_TURN
from replay.material import Gather

EVENTS = 2000


class Numbers:
    """Looks at no packet."""

    def process_event(self, event: Event) -> int:
        return event.event_number


class LastBytes:
    """Looks at each frame."""

    def process_event(self, event: Event) -> int:
        return int(event.streams["a"].frames[1][-1])


class Reads:
    """What is read of files for packets, in order: where, and how much."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[int, int]] = []
        read = HeldFile.read

        def noted(file: HeldFile, offset: int, length: int) -> bytes:
            self.made.append((offset, length))
            return read(file, offset, length)

        monkeypatch.setattr(HeldFile, "read", noted)


def recording(folder: Path, events: int, nbytes: int) -> Path:
    path = folder / "a.cbors"
    with RecordingWriter(path) as writer:
        for event in range(events):
            frame = bytes(nbytes - 1) + bytes([event % 250])
            writer.write(Record(event, {"a": Packet("raw", [b"{}", frame])}))
    return path


def test_small_frames_of_which_nobody_asks_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    path = recording(tmp_path, EVENTS, 100)
    report = replay(Numbers, Gather, [path])
    assert report.counts.reduced == EVENTS
    # Once more only where records of different lengths come into one message.
    assert sum(length for _, length in reads.made) < path.stat().st_size / 5


def test_small_frames_are_read_many_at_once_where_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    report = replay(LastBytes, Gather, [recording(tmp_path, EVENTS, 100)])
    values = {event: payload for event, _, payload in report.publish["deliveries"]}
    assert values == {event: event % 250 for event in range(EVENTS)}
    assert len(reads.made) < EVENTS / 20


def test_large_frames_are_read_one_by_one_as_their_events_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    ahead: list[int] = []

    class Counting:
        seen = 0

        def process_event(self, event: Event) -> int:
            value = int(event.streams["a"].frames[1][-1])
            Counting.seen += 1
            ahead.append(len(reads.made) - Counting.seen)
            return value

    report = replay(Counting, Gather, [recording(tmp_path, 50, 1 << 16)])
    assert report.counts.reduced == 50
    assert {event: value for event, _, value in report.publish["deliveries"]} == {n: n for n in range(50)}
    # A few are looked at for what opens and what closes the series.
    assert max(ahead) <= 6


class CountedFrame(bytes):
    """Knows how many there are."""

    alive: ClassVar[list[None]] = []

    def __init__(self, content: bytes) -> None:
        self.alive.append(None)

    def __del__(self) -> None:
        self.alive.pop()


def test_a_large_frame_is_let_go_before_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, alive = HeldFile.read, []

    def noted(file: HeldFile, offset: int, length: int) -> bytes:
        alive.append(len(CountedFrame.alive))
        return CountedFrame(read(file, offset, length))

    monkeypatch.setattr(HeldFile, "read", noted)
    assert replay(LastBytes, Gather, [recording(tmp_path, 50, 1 << 16)]).counts.reduced == 50
    # The few that the look through the file has kept.
    assert len(set(alive[-30:])) == 1


def test_large_frames_have_turns_as_long_as_small_ones(tmp_path: Path) -> None:
    path = recording(tmp_path, 200, 1 << 20)
    deliveries = replay(Numbers, Gather, [path]).publish["deliveries"]
    assert len(deliveries) == 201
    assert max(len(list(some)) for _, some in groupby(deliveries, key=lambda one: one[1])) > 60


def test_data_of_one_size_is_parsed_once_to_see_whether_it_opens_a_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []
    parse = Packet.parse

    def noted(packet: Packet) -> Any:
        parsed.append(packet.nbytes)
        return parse(packet)

    monkeypatch.setattr(Packet, "parse", noted)
    with RecordingWriter(tmp_path / "a.cbors") as writer:
        for event, message in enumerate(
            stins.generate(images=(np.zeros(900, np.uint8) for _ in range(EVENTS)))
        ):
            writer.write(Record(event, {"a": Packet("STINS", [bytes(frame) for frame in message])}))
    report = replay(Numbers, Gather, [tmp_path / "a.cbors"])
    assert report.counts.reduced == EVENTS + 2
    # Both ends, and one for each number of digits in the headers.
    assert len(parsed) < EVENTS / 50


@pytest.mark.parametrize(
    "frames", [1, 2], ids=["one frame of the same length", "two frames of other lengths"]
)
def test_what_closes_a_series_among_data_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    class Kinds:
        def process_event(self, event: Event) -> str:
            return event.streams["a"].kind.name

    heads = [b"data", b"data", b"stop", b"data", b"data", b"data"]
    monkeypatch.setattr(
        _source, "kind_of", lambda packet: PacketKind.END if packet.frames[0] == b"stop" else PacketKind.DATA
    )
    with RecordingWriter(tmp_path / "a.cbors") as writer:
        for event, head in enumerate(heads):
            blob = bytes(4 if head == b"data" else 5)
            writer.write(Record(event, {"a": Packet("STINS", [head, blob][:frames])}))
    kinds = {
        event: kind for event, _, kind in replay(Kinds, Gather, [tmp_path / "a.cbors"]).publish["deliveries"]
    }
    assert [kinds[event] for event in range(len(heads))] == ["DATA", "DATA", "END", "DATA", "DATA", "DATA"]


def test_a_long_replay_has_larger_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = recording(tmp_path, 10 * EVENTS, 10)

    def longest_turn() -> int:
        deliveries = replay(Numbers, Gather, [path]).publish["deliveries"]
        assert len({event for event, _, _ in deliveries}) == 10 * EVENTS
        return max(len(list(some)) for _, some in groupby(deliveries, key=lambda one: one[1]))

    # Two of one worker may follow each other.
    assert longest_turn() <= 2 * EVENTS_PER_TURN
    monkeypatch.setattr(_replay, "TURNS_AT_LEAST", 16)
    assert longest_turn() > 2 * EVENTS_PER_TURN

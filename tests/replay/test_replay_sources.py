"""Records that a class of the user makes in code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from beamloom import AnalysisError, Packet, UserError
from beamloom.recordings import Record
from beamloom.replay import replay
from replay.material import Echo, Gather, deliveries, packet


class TwoStreams:
    """Generators of one instance that go in step: the second tells what the first did."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.sent = 0

    def get_source_generators(self) -> list[Iterator[Record]]:
        return [self.camera(), self.motor()]

    def camera(self) -> Iterator[Record]:
        for event in range(20):
            self.sent += 1
            yield Record(event, {"camera": packet(event)})

    def motor(self) -> Iterator[Record]:
        for event in range(0, 20, 5):
            yield Record(event, {"motor": Packet("plain", [str(self.sent).encode()])})


def test_a_source_is_made_once_for_each_time_that_it_is_read() -> None:
    TwoStreams.made = 0
    report = replay(Echo, Gather, ["ignored.cbors"], source=TwoStreams, workers=1)
    assert TwoStreams.made == 2
    streams = {event: sorted(payload) for event, _, payload in deliveries(report)}
    assert streams == {event: ["camera"] if event % 5 else ["camera", "motor"] for event in range(20)}


class Shared:
    """What two ingesters recorded that shared a stream: each has what came to it."""

    def get_source_generators(self) -> list[Iterator[Record]]:
        return [self.part([0, 2, 3, 6, 9]), self.part([1, 4, 5, 7, 8])]

    def part(self, events: list[int]) -> Iterator[Record]:
        for event in events:
            yield Record(event, {"camera": packet(event)})


def test_the_recordings_of_ingesters_that_shared_a_stream_make_up_the_stream() -> None:
    report = replay(Echo, Gather, ["ignored.cbors"], source=Shared, workers=1)
    assert [event for event, _, _ in deliveries(report)] == list(range(10))


def source_of(*records: Any) -> type:
    class Source:
        def get_source_generators(self) -> list[Iterator[Any]]:
            return [iter(records)]

    return Source


NO_PACKETS: Any = {"camera": b"image"}


class NoGenerators:
    pass


class NoList:
    def get_source_generators(self) -> Any:
        return (record for record in [1])


class FailsAtOnce:
    def get_source_generators(self) -> Any:
        raise ValueError("no file")


class FailsLater:
    def get_source_generators(self) -> Any:
        return [self.camera()]

    def camera(self) -> Iterator[Record]:
        yield Record(0, {"camera": packet(0)})
        raise ValueError("no more")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (NoGenerators, "NoGenerators has no method get_source_generators; give it one that returns a list"),
        (NoList, "NoList.get_source_generators returned generator; it should return a list of generators"),
        (FailsAtOnce, "FailsAtOnce.get_source_generators failed: ValueError: no file\nTraceback"),
        (FailsLater, "FailsLater.get_source_generators failed: ValueError: no more\nTraceback"),
        (source_of({"event_number": 0}), "a generator gave dict; it should give records"),
        (
            source_of(Record(0, NO_PACKETS)),
            "stream 'camera' of event 0 is bytes; it should be a packet",
        ),
        (source_of(), "generator 0 of the source held no packets"),
    ],
)
def test_a_source_that_is_none_is_refused_in_a_sentence(source: type, said: str) -> None:
    with pytest.raises(UserError) as refused:
        replay(Echo, Gather, source=source)
    assert said in str(refused.value)
    assert isinstance(refused.value, AnalysisError) or "\n" not in str(refused.value)

"""Events of a run have their packets, whichever of them are looked at, and whenever."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Sequence
from typing import Any, overload

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from beamloom.engine.assembling.ready import LateEvent, ReadyRun
from beamloom.events import Event, Packet

FIRST = 10


def column(stream: str, count: int) -> list[Packet]:
    return [Packet("test", [f"{stream}{FIRST + place}".encode()], place) for place in range(count)]


def run_of(columns: dict[str, Sequence[Packet]], count: int) -> ReadyRun:
    return ReadyRun(FIRST, FIRST + count, 0, 1, 0, columns)


def expected(streams: int, event: int) -> dict[str, bytes]:
    return {f"s{stream}": f"s{stream}{event}".encode() for stream in range(streams)}


def contents(event: Event) -> dict[str, bytes]:
    return {stream: packet.frames[0] for stream, packet in event.streams.items()}


class Untouched(Sequence[Packet]):
    """Packets that nobody may look at."""

    def __len__(self) -> int:
        return 5

    @overload
    def __getitem__(self, place: int) -> Packet: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Packet]: ...
    def __getitem__(self, place: int | slice) -> Packet | Sequence[Packet]:
        raise AssertionError("somebody looked at a packet")

    def __iter__(self) -> Iterator[Packet]:
        raise AssertionError("somebody looked at the packets")


@given(st.integers(1, 4), st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_whichever_events_are_looked_at_and_however_late_each_has_its_packets(
    streams: int, looked_at: list[bool], data: st.DataObject
) -> None:
    count = len(looked_at)
    run = run_of({f"s{stream}": column(f"s{stream}", count) for stream in range(streams)}, count)
    kept: list[Event] = []
    for event, look in zip(run.events(), looked_at, strict=True):
        if look:
            assert contents(event) == expected(streams, event.event_number)
        kept.append(event)
    assert [event.event_number for event in kept] == list(range(run.first, run.stop))
    for event in data.draw(st.permutations(kept)):
        assert contents(event) == expected(streams, event.event_number)
        assert event.streams is event.streams


@given(st.integers(1, 12), st.data())
def test_what_is_left_of_a_run_has_the_packets_of_its_events(count: int, data: st.DataObject) -> None:
    run = run_of({"s0": column("s0", count), "s1": column("s1", count)}, count)
    first = data.draw(st.integers(FIRST, FIRST + count - 1))
    rest = run.behind(first)
    assert [one.event for one in rest] == list(range(first, run.stop))
    assert [contents(event) for event in rest.events()] == [
        expected(2, event) for event in range(first, run.stop)
    ]
    assert rest.at(run.stop - 1).streams == run.at(run.stop - 1).streams


def test_an_event_that_is_taken_alone_is_whole_and_nothing_of_it_stays_behind() -> None:
    run = run_of({"s0": column("s0", 4), "s1": tuple(column("s1", 4))}, 4)
    alone = run.take(FIRST + 2)
    assert (alone.first, alone.stop) == (FIRST + 2, FIRST + 3)
    assert [contents(event) for event in alone.events()] == [expected(2, FIRST + 2)]
    left = [packet.frames for packet in run.columns["s0"]]
    assert [bool(frames) for frames in left] == [True, True, False, True]
    assert contents(Event(FIRST + 3, run.at(FIRST + 3).streams)) == expected(2, FIRST + 3)
    assert run.at(FIRST + 2).streams["s1"].frames == [f"s1{FIRST + 2}".encode()], (
        "what is no list is left as it is"
    )


def test_nothing_is_done_for_packets_that_nobody_looks_at() -> None:
    run = run_of({"s0": Untouched()}, 5)
    assert [event.event_number for event in run.events()] == list(range(FIRST, FIRST + 5))


@pytest.fixture
def late() -> Event:
    event = next(run_of({"s0": column("s0", 2)}, 2).events())
    assert isinstance(event, LateEvent)
    assert event.is_late
    return event


PLAIN = Event(FIRST, {"s0": Packet("test", [b"s010"], 0)})


def test_an_event_that_nobody_has_looked_at_is_the_same_as_any_other(late: Event) -> None:
    assert late == PLAIN
    assert late.__eq__("text") is NotImplemented
    assert not isinstance(late, LateEvent) or not late.is_late


def test_any_other_event_is_the_same_as_one_that_nobody_has_looked_at(late: Event) -> None:
    assert late == PLAIN
    assert Event(FIRST, {}) != late


def test_an_event_that_nobody_has_looked_at_reads_like_any_other(late: Event) -> None:
    assert repr(late) == repr(PLAIN)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))])
def test_a_copy_of_an_event_is_a_plain_one(late: Event, how: Any) -> None:
    copied = how(late)
    assert type(copied) is Event
    assert copied == PLAIN


def test_an_event_with_another_number_keeps_its_packets(late: Event) -> None:
    other = msgspec.structs.replace(late, event_number=77)
    assert (other.event_number, contents(other)) == (77, {"s0": b"s010"})


def test_the_streams_of_an_event_can_be_changed_as_before(late: Event) -> None:
    late.streams["more"] = Packet("test", [b"x"])
    assert set(late.streams) == {"s0", "more"}
    late.streams = {}
    assert late.streams == {}
    match late:
        case Event(event_number=number, streams=streams):
            assert (number, streams) == (FIRST, {})

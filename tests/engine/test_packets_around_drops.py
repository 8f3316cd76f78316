"""Packets may come before the lease that they belong to, also when the same event was dropped before."""

from __future__ import annotations

from beamloom.engine.assembling.assembler import Assembler
from beamloom.engine.assignment import Span
from beamloom.events import Packet


def packet(content: bytes) -> Packet:
    return Packet("test", [content])


def test_a_packet_of_a_new_lease_counts_although_the_event_was_dropped_before_and_the_lease_comes_later() -> (
    None
):
    assembler = Assembler()
    assembler.lease([Span(5, 4, "w", attempt=1)])
    assembler.drop(5, 9)
    assembler.add("a", 0, 2, 5, 1, [packet(b"end")])
    assert assembler.take_ready(10) == []
    assembler.lease([Span(5, 1, "w", attempt=2)])
    assert [
        (ready.event, ready.streams["a"].frames) for run in assembler.take_ready(10) for ready in run
    ] == [(5, [b"end"])]


def test_a_packet_of_a_dropped_lease_that_comes_late_is_not_kept() -> None:
    assembler = Assembler()
    assembler.lease([Span(0, 3, "w")])
    assembler.drop(1, 2)
    assembler.add("a", 0, 1, 0, 2, [packet(b"0"), packet(b"1"), packet(b"2")])
    assembler.add("b", 0, 1, 0, 2, [packet(b"0")])
    assembler.add("b", 0, 1, 2, 2, [packet(b"2")])
    assert [ready.event for run in assembler.take_ready(10) for ready in run] == [0, 2]
    assert assembler.kept == 0

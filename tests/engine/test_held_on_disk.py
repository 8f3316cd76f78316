"""Packets that wait for those before them outlive their ingester, whenever it dies, and come once and in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamloom.engine.streams.held_on_disk import HeldOnDisk
from beamloom.engine.streams.packet_rows import Rows, singles
from beamloom.engine.streams.reorder import Reorder
from beamloom.events import Packet, PacketKind
from beamloom.spool import DiskSpool

WAIT = 0.05
READS = [[0, 1, 2], [4, 5], [6], [3, 7, 8], [10], [12, 11], [13], [9, 14, 15]]
"""What is read at once, by number; what is missing comes in time."""
ALL = set(range(16))


def packet(number: int) -> Packet:
    kind = PacketKind.DATA if number else PacketKind.START
    return Packet("test", [b"%d" % number], number or None, kind)


def window(spool: DiskSpool, expected: int | None) -> HeldOnDisk:
    reorder = Reorder(8, WAIT, 1 << 20)
    if expected is not None:
        reorder.expect(expected)
    return HeldOnDisk(reorder, spool, expected)


def numbers(released: Rows) -> list[int]:
    return [one.number or 0 for one in singles(released) if isinstance(one, Packet)]


def spool_in(folder: Path) -> DiskSpool:
    return DiskSpool(folder, 1 << 20)


@pytest.mark.parametrize("kept_last", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("reads", range(1, len(READS)))
def test_what_waits_is_there_for_the_next_ingester(tmp_path: Path, reads: int, kept_last: bool) -> None:
    spool = spool_in(tmp_path)
    first = window(spool, None)
    kept: list[int] = []
    for at, read in enumerate(READS[:reads], 1):
        released = numbers(first.arrive([packet(number) for number in read], 0.0))
        if at < reads or kept_last:
            kept += released
    # Killed before the retention has written what was read last: then only that is gone which had not waited.
    gone = set() if kept_last else set(READS[reads - 1]) & set(released)
    assert kept == sorted(kept)

    second = window(spool_in(tmp_path), max(kept) + 1 if kept else None)
    later = numbers(second.due(0.0)) if len(second) else []
    for read in READS[reads:]:
        later += numbers(second.arrive([packet(number) for number in read], 0.0))
    later += numbers(second.flush())
    assert later == sorted(later)
    assert set(kept) | set(later) == ALL - gone
    assert not set(kept) & set(later)


def test_nothing_stays_on_disk_of_what_waits_no_more(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    held = window(spool, None)
    held.arrive([packet(number) for number in (0, 2, 3)], 0.0)
    assert len(spool) == 2
    assert numbers(held.arrive([packet(1)], 0.0)) == [1, 2, 3]
    held.arrive([packet(4)], 0.0)
    assert len(spool) == 0
    assert held.due_at is None


def test_what_a_former_life_has_left_waits_no_longer_than_anything_else(tmp_path: Path) -> None:
    window(spool_in(tmp_path), None).arrive([packet(number) for number in (0, 1, 5, 6)], 0.0)
    second = window(spool_in(tmp_path), 2)
    assert (second.due_at, len(second)) == (0.0, 2)
    assert second.due(10.0) == []
    assert second.due_at == 10.0 + WAIT
    assert numbers(second.due(10.0 + WAIT)) == [5, 6]
    assert len(second) == 0

"""Packets on disk: what was written whole is there again, by event, whoever reads it; and nothing grows without end."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from beamloom.engine.ranges import Range
from beamloom.engine.streams.packet_rows import PacketRow, rows_of
from beamloom.events import Packet, PacketKind
from beamloom.spool import DiskSpool, remove_spool
from support.small_disk import file_size_limit, fill, small_disk

GENEROUS = 1 << 30


def packet(event: int, size: int = 20, typ: str = "test") -> Packet:
    kind = PacketKind.START if event == 0 else PacketKind.DATA
    return Packet(typ, [f"{event}:".encode(), event.to_bytes(4, "little") * (size // 4)], event or None, kind)


def some(first: int, stop: int, size: int = 20) -> list[Packet]:
    return [packet(event, size) for event in range(first, stop)]


def write(spool: DiskSpool, first: int, packets: list[Packet], wanted: int) -> int:
    """Give it packets that may not be alike; returns how many it took."""
    taken = 0
    for row in rows_of(packets):
        assert isinstance(row, PacketRow)
        count = spool.write(first + taken, row, wanted)
        taken += count
        if count < row.count:
            break
    return taken


def held(spool: DiskSpool) -> dict[int, Packet]:
    return {event: found for event, found, _ in spool.packets()}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_read_by_event_also_by_the_next_process(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path, GENEROUS)
    assert write(spool, 0, some(0, 10), 2) == 10
    assert write(spool, 15, some(15, 20), 3) == 5
    assert list(spool.within(3, 17)) == [
        *((event, packet(event), 2) for event in range(3, 10)),
        *((event, packet(event), 3) for event in range(15, 17)),
    ]
    # No word of a process that is killed comes behind this.
    after = DiskSpool(tmp_path, GENEROUS)
    assert held(after) == {event: packet(event) for event in (*range(10), *range(15, 20))}
    assert write(after, 20, some(20, 25), 2) == 5
    assert sorted(held(DiskSpool(tmp_path, GENEROUS))) == [*range(10), *range(15, 25)]
    spool.close()
    after.close()


def test_what_it_has_is_not_written_twice(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path, GENEROUS)
    write(spool, 0, some(0, 10), 1)
    before = spool.nbytes
    assert write(spool, 2, some(2, 8), 1) == 6
    assert spool.nbytes == before
    assert write(spool, 5, some(5, 15), 1) == 10
    assert held(spool) == {event: packet(event) for event in range(15)}
    spool.close()


def test_large_frames_of_several_types_come_out_as_they_went_in(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path, GENEROUS)
    packets = [packet(event, 200_000, "ab"[event % 2]) for event in range(8)]
    write(spool, 0, packets, 1)
    assert [found for _, found, _ in DiskSpool(tmp_path, GENEROUS).packets()] == packets
    spool.close()


def test_files_go_as_events_are_settled_and_nothing_stays_in_the_end(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path, 80_000)
    for first in range(0, 300, 10):
        assert write(spool, first, some(first, first + 10, 400), 1) == 10
        spool.release(max(0, first - 40), max(0, first - 30))
    assert len(files(tmp_path)) < 8
    assert spool.nbytes < 40_000
    spool.release(0, 300)
    spool.close()
    assert (len(spool), spool.nbytes, files(tmp_path)) == (0, 0, [])
    remove_spool(tmp_path)
    assert not tmp_path.exists()


def test_past_its_limit_it_takes_nothing_before_something_is_settled(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path, 10_000)
    taken = 0
    while spool.ready:
        taken += write(spool, taken, [packet(taken, 1000)], 1)
    assert (spool.full, write(spool, taken, [packet(taken)], 1)) == (True, 0)
    assert 9_000 <= sum(path.stat().st_size for path in tmp_path.iterdir()) <= 12_000
    spool.release(0, taken)
    assert not spool.full
    assert write(spool, taken, [packet(taken)], 1) == 1
    spool.close()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 30), st.integers(0, 3000)),
        st.tuples(st.just("release"), st.integers(0, 200), st.integers(0, 60)),
        st.tuples(st.just("die"), st.just(0), st.just(0)),
    ),
    max_size=25,
)


@given(steps)
@hypothesis_settings(max_examples=60)
def test_it_holds_what_was_written_and_not_settled_through_any_deaths(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = DiskSpool(folder, 1 << 20)
    expected: dict[int, Packet] = {}
    settled: list[Range] = []
    front = 0
    for what, a, b in steps:
        if what == "write":
            packets = some(front, front + a, b)
            assert write(spool, front, packets, 1) == a
            expected.update(enumerate(packets, front))
            front += a + b % 3
        elif what == "release":
            stop = min(a + b, front)
            spool.release(a, stop)
            settled.append((a, stop))
            expected = {event: one for event, one in expected.items() if not a <= event < stop}
        else:
            spool.close()
            spool = DiskSpool(folder, 1 << 20)
            # The dead process may have left what was settled: whoever goes on is told what that is.
            for first, stop in settled:
                spool.release(first, stop)
        assert held(spool) == expected
        assert len(spool) == len(expected)
    spool.close()


@pytest.mark.expects_errors
@given(st.integers(0, 10_000), st.booleans())
@hypothesis_settings(max_examples=60)
def test_what_is_torn_or_damaged_at_any_byte_is_never_taken_for_something_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, torn: bool
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = DiskSpool(folder, GENEROUS)
    for first in range(0, 12, 3):
        write(spool, first, some(first, first + 3, 100), 1)
    spool.close()
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    place %= len(content)
    if torn:
        os.truncate(path, place)
    else:
        content[place] ^= 0x10
        path.write_bytes(content)
    after = DiskSpool(folder, GENEROUS)
    found = held(after)
    assert all(found[event] == packet(event, 100) for event in found)
    assert sorted(found) == sorted(set(found) & set(range(12)))
    if torn:
        assert sorted(found) == list(range(len(found)))
    unreadable = [event for first, stop in after.take_unreadable() for event in range(first, stop)]
    assert set(unreadable) <= set(range(12)) - set(found)
    assert held(after) == found
    write(after, 100, some(100, 103), 1)
    after.close()
    assert set(held(DiskSpool(folder, GENEROUS))) >= {100, 101, 102}


@pytest.mark.expects_errors
def test_a_damaged_record_costs_its_own_packets_and_no_others(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path, GENEROUS)
    for first in range(0, 12, 3):
        write(spool, first, some(first, first + 3, 1000), 1)
    spool.close()
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[content.index((4).to_bytes(4, "little") * 10)] ^= 1
    path.write_bytes(content)
    after = DiskSpool(tmp_path, GENEROUS)
    assert sorted(held(after)) == [0, 1, 2, *range(6, 12)]
    assert after.take_unreadable() == [(3, 6)]
    assert after.take_unreadable() == []
    after.close()


def test_a_file_that_cannot_be_closed_in_order_ends_nobody(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path, GENEROUS)
    write(spool, 0, some(0, 3), 1)
    assert spool._segments._file is not None
    os.close(spool._segments._file)
    spool.close()
    spool.close()
    assert sorted(held(DiskSpool(tmp_path, GENEROUS))) == [0, 1, 2]


def test_records_that_another_version_has_written_are_left_out_and_the_others_are_there(
    tmp_path: Path,
) -> None:
    spool = DiskSpool(tmp_path, GENEROUS)
    write(spool, 0, some(0, 3), 1)
    body = msgspec.msgpack.encode(["a record", "of another kind"])
    spool._segments.append([zlib.crc32(body).to_bytes(4, "little") + body, b"frames"])
    write(spool, 3, some(3, 6), 1)
    spool.close()
    after = DiskSpool(tmp_path, GENEROUS)
    assert sorted(held(after)) == list(range(6))
    after.close()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def fails_and_recovers(folder: Path, make_room: Callable[[], None]) -> None:
    clock = Clock()
    spool = DiskSpool(folder, GENEROUS, clock)
    taken = 0
    while spool.problem is None:
        taken += write(spool, taken, some(taken, taken + 3, 10_000), 1)
    assert not spool.ready
    assert not spool.full
    assert taken > 3
    assert held(spool) == {event: packet(event, 10_000) for event in range(taken)}
    assert sorted(held(DiskSpool(folder, GENEROUS))) == list(range(taken))
    clock.now += 2.0
    assert spool.ready
    assert write(spool, taken, [packet(taken, 50_000)], 1) == 0
    make_room()
    assert write(spool, taken, [packet(taken)], 1) == 0
    clock.now += 2.0
    assert write(spool, taken, [packet(taken)], 1) == 1
    assert spool.problem is None
    assert sorted(held(DiskSpool(folder, GENEROUS))) == list(range(taken + 1))
    spool.close()


def test_a_full_disk_keeps_what_is_there_and_takes_more_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1024) as disk:
        ballast = fill(disk, 300)
        fails_and_recovers(disk / "spool", ballast.unlink)


def test_a_disk_that_is_full_from_the_start_takes_nothing_and_everything_when_there_is_room(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 100) as disk:
        (disk / "spool").mkdir()
        ballast = fill(disk)
        clock = Clock()
        spool = DiskSpool(disk / "spool", GENEROUS, clock)
        assert write(spool, 0, some(0, 3), 1) == 0
        assert spool.problem is not None
        assert "No space left" in spool.problem
        ballast.unlink()
        clock.now += 2.0
        assert write(spool, 0, some(0, 3), 1) == 3
        spool.close()


def test_files_that_may_not_grow_any_more_are_a_full_disk(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path, GENEROUS)
    with file_size_limit(100_000):
        taken = 0
        while spool.problem is None:
            taken += write(spool, taken, some(taken, taken + 3, 10_000), 1)
    assert held(spool) == {event: packet(event, 10_000) for event in range(taken)}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 100_000
    spool.close()

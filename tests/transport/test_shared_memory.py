"""Frames in memory that processes share: what is kept stays, what is let go of is used again, and nobody reads the one for the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.events import Packet
from beamloom.transport.shared_memory import (
    NOWHERE,
    Borrowing,
    FrameMemory,
    Gone,
    StaleFrame,
    Unshared,
)
from beamloom.transport.shared_memory.extents import Extents
from beamloom.transport.shared_memory.layout import HEAD, MAGIC, PAGE

OWNER = """
import sys, time
from beamloom.transport.shared_memory import FrameMemory
memory = FrameMemory(1 << 20)
frame = memory.put(b"x" * 100_000)
print(memory.name, *memory.place(frame), flush=True)
time.sleep(60)
"""


def borrow(borrowing: Borrowing, memory: FrameMemory, frame: Any) -> Packet:
    """The frame as a reader gets it, in a packet."""
    return Packet("test", borrowing.join(memory.name, [memory.place(frame)], [len(frame)], []))


def over(borrowing: Borrowing, packet: Packet) -> None:
    """The event of this packet is done."""
    lent = borrowing.borrowed([packet])
    packet.frames.clear()
    borrowing.settle(lent)


# ---- pages ---------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9), st.integers(0, 50)), max_size=80))
def test_pages_are_taken_once_at_the_lowest_place_and_all_come_back(
    steps: list[tuple[bool, int, int]],
) -> None:
    extents, taken, held = Extents(40), set[int](), list[tuple[int, int]]()
    for takes, count, choice in steps:
        if takes:
            fits = [at for at in range(41 - count) if taken.isdisjoint(range(at, at + count))]
            assert extents.take(count) == min(fits, default=None)
            if fits:
                held.append((fits[0], count))
                taken |= set(range(fits[0], fits[0] + count))
        elif held:
            first, count = held.pop(choice % len(held))
            extents.give_back(first, count)
            taken -= set(range(first, first + count))
        assert extents.free == 40 - len(taken)
        # An extent begins at each free page behind a taken one, and at the first page if that is free.
        assert extents.pieces == sum(
            page not in taken and (page - 1 in taken or page == 0) for page in range(40)
        )
    for first, count in held:
        extents.give_back(first, count)
    assert (extents.free, extents.pieces) == (40, 1)


def test_pages_cannot_be_given_back_twice() -> None:
    extents = Extents(10)
    assert extents.take(4) == 0
    extents.give_back(0, 2)
    for first, count in ((0, 2), (1, 1), (1, 3), (4, 1)):
        with pytest.raises(ValueError, match="some of them are free"):
            extents.give_back(first, count)
    assert extents.free == 8


# ---- frames --------------------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3 * PAGE), st.integers(0, 100)), max_size=60),
    st.booleans(),
)
def test_what_is_kept_stays_and_what_was_replaced_is_known(
    steps: list[tuple[int, int, int]], keeps: bool
) -> None:
    memory, borrowing = FrameMemory(12 * PAGE), Borrowing()
    borrowing.COPIES_AFTER = 1 << 30
    frames: list[tuple[Any, bytes]] = []
    lent: list[tuple[Packet, Any, bytes]] = []
    told: list[tuple[Any, int]] = []
    kept: list[tuple[memoryview, bytes]] = []
    for number, (action, size, choice) in enumerate(steps):
        if action <= 1:
            content = bytes([number % 256]) * size
            frame = memory.put(content)
            assert bytes(frame) == content
            if memory.place(frame) != NOWHERE:
                frames.append((frame, content))
                told.append((memory.place(frame), size))
                lent.append((borrow(borrowing, memory, frame), frame, content))
        elif action == 2 and lent:
            # A reader is done with its event; then the owner lets go of the frame.
            packet, frame, content = lent.pop(choice % len(lent))
            assert bytes(packet.frames[0]) == content
            borrowing.check([packet])
            if keeps:
                kept.append((packet.frames[0], content))
            over(borrowing, packet)
            frames = [one for one in frames if one[0] is not frame]
            del frame
        elif action == 3 and frames:
            # The owner lets go of a frame that a reader still has.
            gone = frames.pop(choice % len(frames))[0]
            lent = [one for one in lent if one[1] is not gone]
            del gone
    for frame, content in frames:
        assert bytes(frame) == content
    for view, content in kept:
        assert bytes(view) == content
    there = {memory.place(frame) for frame, _ in frames}
    for place, size in told:
        packet = Packet("test", borrowing.join(memory.name, [place], [size], []))
        if place in there:
            borrowing.check([packet])
    memory.close()


def test_a_frame_that_was_replaced_is_told_from_the_next_in_its_place() -> None:
    memory, borrowing = FrameMemory(1 << 20), Borrowing()
    frame = memory.put(b"a" * 100_000)
    place = memory.place(frame)
    packet = borrow(borrowing, memory, frame)
    del frame
    borrowing.check([packet])  # nobody has written there yet
    other = memory.put(b"b" * 100_000)
    assert memory.place(other)[:2] == place[:2]
    with pytest.raises(StaleFrame, match="settled without this worker"):
        borrowing.check([packet])
    memory.close()


def test_frames_are_read_only_arrays_without_a_copy() -> None:
    memory, borrowing = FrameMemory(1 << 20), Borrowing()
    frame = memory.put(np.arange(20_000, dtype=np.uint32))
    array = np.frombuffer(borrow(borrowing, memory, frame).frames[0], np.uint32)
    assert array.sum() == sum(range(20_000))
    assert not array.flags.writeable
    assert not array.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        array.flags.writeable = True
    with pytest.raises(TypeError):
        frame[0] = 1
    memory.close()


def test_a_part_of_a_place_can_be_a_frame_and_keeps_all_of_it() -> None:
    memory, borrowing = FrameMemory(1 << 20), Borrowing()
    room = memory.take(100_000)
    assert room is not None
    room[:] = bytes(range(250)) * 400
    part = room[70:90_000]
    del room
    assert memory.put(part) is part
    assert bytes(borrow(borrowing, memory, part).frames[0]) == (bytes(range(250)) * 400)[70:90_000]
    assert memory.nbytes >= 100_000
    del part
    frame = memory.put(b"c" * 65_536)
    assert memory.place(frame).page == 0
    memory.close()


def test_frames_may_be_let_go_of_in_any_thread() -> None:
    memory = FrameMemory(1 << 20)
    frames = [memory.put(bytes(70_000)) for _ in range(10)]
    thread = threading.Thread(target=frames.clear)
    thread.start()
    thread.join()
    assert [memory.place(memory.put(bytes(70_000))).page for _ in range(2)] == [0, 0]
    memory.close()


def test_without_room_a_frame_stays_where_it_is() -> None:
    memory = FrameMemory(1 << 20)
    large = bytes(1 << 21)
    assert memory.put(large) is large
    assert memory.place(large) == NOWHERE
    assert memory.refused == 1
    memory.close()


# ---- what user code keeps --------------------------------------------------------------------------------------------------------


def test_what_user_code_keeps_of_a_frame_becomes_its_own() -> None:
    memory, borrowing = FrameMemory(1 << 20), Borrowing()
    frame = memory.put(b"a" * 100_000)
    packet = borrow(borrowing, memory, frame)
    kept = np.frombuffer(packet.frames[0], np.uint8)[5_000:6_000]
    over(borrowing, packet)
    del frame
    other = memory.put(b"b" * 100_000)
    assert memory.place(other).page == 0
    assert kept.tobytes() == b"a" * 1000
    later = borrow(borrowing, memory, other)
    assert bytes(later.frames[0]) == b"b" * 100_000
    borrowing.check([later])
    assert borrowing.kept == 1
    memory.close()


def test_what_is_not_kept_costs_nothing() -> None:
    memory, borrowing = FrameMemory(1 << 20), Borrowing()
    frame = memory.put(b"a" * 100_000)
    for _ in range(10):
        packet = borrow(borrowing, memory, frame)
        np.frombuffer(packet.frames[0], np.uint8).sum()
        over(borrowing, packet)
    assert borrowing.kept == 0
    memory.close()


def test_who_keeps_frames_often_gets_copies_until_the_next_run() -> None:
    memory, borrowing = FrameMemory(1 << 20), Borrowing()
    frame = memory.put(b"a" * 100_000)
    kept = []
    for _ in range(Borrowing.COPIES_AFTER):
        packet = borrow(borrowing, memory, frame)
        kept.append(packet.frames[0])
        over(borrowing, packet)
    assert type(borrow(borrowing, memory, frame).frames[0]) is bytes
    borrowing.begin_run()
    assert type(borrow(borrowing, memory, frame).frames[0]) is memoryview
    memory.close()


# ---- other processes ----------------------------------------------------------------------------------------------------------


def test_a_killed_owner_leaves_its_readers_what_they_have_and_nothing_else() -> None:
    files = set(os.listdir("/dev/shm"))
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        name, *numbers = owner.stdout.readline().split()
        place = (int(numbers[0]), int(numbers[1]), int(numbers[2]))
        borrowing = Borrowing()
        packet = Packet("test", borrowing.join(name, [place], [100_000], []))
        assert name in borrowing.begin_run()
        owner.send_signal(signal.SIGKILL)
    assert bytes(packet.frames[0]) == b"x" * 100_000
    assert name not in borrowing.begin_run()
    with pytest.raises(Gone, match="it has ended, or runs on another host or in another container"):
        borrowing.open(name)
    assert set(os.listdir("/dev/shm")) == files


@pytest.mark.parametrize("name", ["", "x", "1.2", "../../etc/passwd", "1.2." + "g" * 32, "-1.2." + "0" * 32])
def test_what_names_no_memory_is_not_opened(name: str) -> None:
    with pytest.raises(Unshared, match="names no shared memory"):
        Borrowing().open(name)


def test_a_file_that_happens_to_have_the_number_is_not_taken_for_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(HEAD.pack(MAGIC, bytes(16), 1 << 40))
    with path.open("rb") as file:
        for token in ("00" * 16, "11" * 16):
            with pytest.raises(Gone, match="is no memory of the process that was meant"):
                Borrowing().open(f"{os.getpid()}.{file.fileno()}.{token}")


def test_a_pipe_is_not_even_opened() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(Gone):
            Borrowing().open(f"{os.getpid()}.{reading}.{'0' * 32}")
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("place", [(-1, 0, 1), (0, -1, 1), (0, 1 << 40, 1), (1 << 40, 0, 1), (1 << 20, 0, 1)])
def test_a_place_that_cannot_be_is_not_read(place: tuple[int, int, int]) -> None:
    memory = FrameMemory(1 << 20)
    with pytest.raises(Unshared, match="there is no frame"):
        Borrowing().join(memory.name, [place], [100_000], [])
    memory.close()

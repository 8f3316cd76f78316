"""The short way between processes of one user on one machine: what goes by it, and that nothing depends on it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.transport.channel import Received
from beamloom.transport.keys import new_keys
from beamloom.transport.links import (
    ANSWER,
    NUMBERED_FIRST,
    QUESTION_FIRST,
    STAMP,
    Answer,
    Arrivals,
)
from beamloom.transport.messages import Tick, encode
from beamloom.transport.nearby import MOST_BYTES, MOST_FRAMES, SIZES, Neighbour
from beamloom.transport.zeromq import ZmqChannel
from support.patience import PATIENCE
from support.ports import quiet_port

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs the abstract names of Linux")
root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs root, to become another user"
)


@pytest.fixture
def here() -> Iterator[ZmqChannel]:
    channel = ZmqChannel("here")
    yield channel
    channel.close()


@pytest.fixture
def there() -> Iterator[ZmqChannel]:
    channel = ZmqChannel("there")
    yield channel
    channel.close()


def received(channel: ZmqChannel, count: int) -> list[Received]:
    found: list[Received] = []
    until = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < until:
        found += channel.receive(0.1)
    return found


def numbers(found: list[Received]) -> list[int]:
    return [int(one.message.run) for one in found if isinstance(one.message, Tick)]


def name_of(address: str) -> str:
    return f"\0beamloom mailbox 127.0.0.1:{urlsplit(address).port}"


@linux
def test_a_small_message_goes_by_the_short_way_with_its_frames(there: ZmqChannel) -> None:
    way = Neighbour.at(there.address)
    assert way is not None
    assert way.carry(encode("me", Tick("1")), [b"frame", memoryview(b"other"), b""])
    (one,) = received(there, 1)
    assert (one.sender, one.message) == ("me", Tick("1"))
    assert list(one.buffers) == [b"frame", b"other", b""]
    way.close()


@linux
def test_what_is_too_large_has_to_go_another_way(there: ZmqChannel) -> None:
    way = Neighbour.at(there.address)
    assert way is not None
    head = encode("me", Tick("1"))
    assert not way.carry(head, [bytes(MOST_BYTES)])
    assert not way.carry(head, [b""] * MOST_FRAMES)
    assert way.carry(head, [bytes(MOST_BYTES - len(head))])
    (one,) = received(there, 1)
    assert len(one.buffers[0]) == MOST_BYTES - len(head)
    way.close()


@linux
def test_where_nobody_reads_there_is_no_room_in_the_end_and_what_was_brought_is_there(
    there: ZmqChannel,
) -> None:
    way = Neighbour.at(there.address)
    assert way is not None
    brought = 0
    while way.carry(encode("me", Tick(str(brought))), [bytes(1000)]):
        brought += 1
        assert brought < 100_000
    assert way.open
    assert numbers(received(there, brought)) == list(range(brought))
    way.close()


@linux
def test_whoever_is_gone_is_brought_nothing() -> None:
    there = ZmqChannel("there")
    way = Neighbour.at(there.address)
    assert way is not None
    there.close()
    assert not way.carry(encode("me", Tick("1")), [])
    assert not way.open
    assert Neighbour.at(there.address) is None


def test_there_is_no_short_way_elsewhere_nor_with_keys() -> None:
    for address in (
        "tcp://198.51.100.1:9",
        "tcp://127.0.0.1",
        "tcp://[half",
        "nonsense",
        "tcp://127.0.0.1:x",
    ):
        assert Neighbour.at(address) is None
    keyed = ZmqChannel("there", keys=new_keys())
    try:
        assert Neighbour.at(keyed.address) is None
    finally:
        keyed.close()


@given(st.lists(st.sampled_from([0, 1, 100, 20_000, MOST_BYTES, 60_000]), min_size=1, max_size=60), st.data())
def test_large_and_small_messages_arrive_in_their_order(sizes: list[int], data: st.DataObject) -> None:
    here, there = ZmqChannel("here"), ZmqChannel("there")
    try:
        here.connect("there", there.address)
        found: list[Received] = []
        for number, size in enumerate(sizes):
            here.send("there", Tick(str(number)), [bytes(size)] if size else [])
            if data.draw(st.booleans()):
                found += there.receive(0)
        found += received(there, len(sizes) - len(found))
        assert numbers(found) == list(range(len(sizes)))
        assert [sum(map(len, one.buffers)) for one in found] == sizes
        assert there.strangers == 0
    finally:
        here.close()
        there.close()


@linux
def test_a_burst_that_finds_no_room_arrives_whole_and_in_order(here: ZmqChannel, there: ZmqChannel) -> None:
    here.connect("there", there.address)
    for number in range(20_000):
        here.send("there", Tick(str(number)), [bytes(200)])
    found = received(there, 20_000)
    assert numbers(found) == list(range(20_000))
    until = time.monotonic() + PATIENCE
    while here.unanswered and time.monotonic() < until:
        here.receive(0.01)
        there.receive(0.01)
    assert here.unanswered == 0


def test_a_mailbox_in_the_place_of_another_one_hears_what_comes_from_then_on(here: ZmqChannel) -> None:
    port = quiet_port()
    former = ZmqChannel("there", port=port)
    here.connect("there", former.address)
    here.send("there", Tick("0"))
    assert numbers(received(former, 1)) == [0]
    former.close()
    there = ZmqChannel("there", port=port)
    try:
        found: list[int] = []
        number, until = 1, time.monotonic() + PATIENCE
        while not found and time.monotonic() < until:
            here.send("there", Tick(str(number)))
            here.receive(0.01)
            found += numbers(there.receive(0.01))
            number += 1
        assert found
    finally:
        there.close()


# ---- what comes by two ways ----------------------------------------------------------------------------------------------


class Caller:
    """Who answers are given to."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def answer(self, answer: bytes) -> None:
        self.answers.append(Answer(*ANSWER.unpack(answer)))


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_whatever_overtakes_the_order_stays(by_short_way: list[bool], data: st.DataObject) -> None:
    arrivals, caller = Arrivals(), Caller()
    ways = {
        near: [number for number, short in enumerate(by_short_way, 1) if short is near]
        for near in (True, False)
    }
    if by_short_way[0]:
        # The short way is known to the mailbox before anything could overtake.
        ways[True].pop(0)
        assert arrivals.take(caller, STAMP.pack(NUMBERED_FIRST, 7, 1, 0), 10)
    else:
        ways[False].pop(0)
        assert arrivals.take(b"zeromq", STAMP.pack(NUMBERED_FIRST, 7, 1, 0), 10)
        arrivals.take(caller, STAMP.pack(QUESTION_FIRST, 7, 1, 0), 10)
    taken = [1]
    while ways[True] or ways[False]:
        near = data.draw(st.booleans()) if ways[True] and ways[False] else bool(ways[True])
        number = ways[near].pop(0)
        stamp = STAMP.pack(NUMBERED_FIRST, 7, number, 0)
        if arrivals.take(caller if near else b"zeromq", stamp, 10, [number]):
            taken.append(number)
            taken += [frames[0] for _, frames in arrivals.released]
            arrivals.released.clear()
    assert taken == list(range(1, len(by_short_way) + 1))
    assert not any(ANSWER.unpack(answer)[3] for _, answer in arrivals.answers)


def test_what_is_held_and_waits_in_vain_is_missed_when_somebody_asks_and_taken_once() -> None:
    arrivals, caller = Arrivals(), Caller()
    for number in (1, 3, 4):
        arrivals.take(caller, STAMP.pack(NUMBERED_FIRST, 7, number, 0), 10, [number])
    assert arrivals.answers == []
    arrivals.take(caller, STAMP.pack(QUESTION_FIRST, 7, 4, 0), 10)
    ((_, answer),) = arrivals.answers
    assert Answer(*ANSWER.unpack(answer)) == Answer(7, 1, 0, 1)
    taken = []
    for number in (2, 3, 4, 5):
        if arrivals.take(b"zeromq", STAMP.pack(NUMBERED_FIRST, 7, number, 1), 10, [number]):
            taken += [number, *(frames[0] for _, frames in arrivals.released)]
            arrivals.released.clear()
    assert taken == [2, 3, 4, 5]


# ---- strangers -----------------------------------------------------------------------------------------------------------


@linux
@pytest.mark.parametrize(
    "garbage",
    [
        b"\0",
        b"\xff",
        b"\x01",
        SIZES[1].pack(1, 5),
        SIZES[2].pack(2, 1, 2**32 - 1) + b"ab",
        b"\x02" + bytes(9),
        bytes(50_000),
    ],
)
def test_garbage_at_the_door_changes_nothing_for_others(
    here: ZmqChannel, there: ZmqChannel, garbage: bytes
) -> None:
    here.connect("there", there.address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(name_of(there.address))
        stranger.send(garbage)
        here.send("there", Tick("1"))
        assert numbers(received(there, 1)) == [1]


EXHAUSTED = """
import os, resource, sys, time
from beamloom.transport.messages import Tick, encode
from beamloom.transport.nearby import Door, Neighbour
from beamloom.transport.waiting import Waiter

waiter = Waiter()
door = Door.beside("127.0.0.1", int(sys.argv[1]), waiter)
address = "tcp://127.0.0.1:" + sys.argv[1]
first, second = Neighbour.at(address), Neighbour.at(address)
assert first.carry(encode("me", Tick("1")), [])
highest = max(map(int, os.listdir("/proc/self/fd")))
resource.setrlimit(resource.RLIMIT_NOFILE, (3, highest))
assert Neighbour.at(address) is None
assert Door.beside("127.0.0.1", 1, waiter) is None
assert door.hear(waiter.wait(0.0)) == []
assert list(waiter.wait(0.0)) == [], "it would be woken again and again"
assert not first.carry(encode("me", Tick("2")), [])
"""


@linux
def test_without_descriptors_the_way_is_left_alone_and_nobody_spins() -> None:
    command = [sys.executable, "-c", EXHAUSTED, str(quiet_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr


LISTENS = """
import os, socket, sys
os.setuid(65534)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
    listener.bind(sys.argv[1].replace("@", chr(0), 1))
    listener.listen()
    print("listens", flush=True)
    sys.stdin.read()
"""
SENDS = """
import os, socket, sys
os.setuid(65534)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end:
    end.connect(sys.argv[1].replace("@", chr(0), 1))
    end.send(bytes.fromhex(sys.argv[2]))
"""


def as_nobody(script: str, name: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of another user; ``@`` stands for the zero with which such names begin."""
    command = [sys.executable, "-c", script, name.replace("\0", "@"), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@root
def test_a_door_of_another_user_is_not_taken() -> None:
    address = f"tcp://127.0.0.1:{quiet_port()}"
    with as_nobody(LISTENS, name_of(address)) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "listens\n"
        assert Neighbour.at(address) is None
        other.communicate("", PATIENCE)


@root
def test_nobody_is_let_in_but_processes_of_the_same_user(here: ZmqChannel, there: ZmqChannel) -> None:
    head = encode("intruder", Tick("666"))
    packet = SIZES[1].pack(1, len(head)) + head
    with as_nobody(SENDS, name_of(there.address), packet.hex()) as other:
        other.communicate("", PATIENCE)
        assert other.returncode == 0
    here.connect("there", there.address)
    here.send("there", Tick("1"))
    assert numbers(received(there, 1)) == [1]
    assert there.receive(0.0) == []

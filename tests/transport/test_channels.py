"""What every channel promises, in memory and over ZeroMQ."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import zmq

from beamloom.transport.channel import Channel, Received
from beamloom.transport.memory import Exchange
from beamloom.transport.messages import Finish, Heartbeat, Tick
from beamloom.transport.outboxes import COPY_BYTES
from beamloom.transport.zeromq import ZmqChannel
from support.patience import PATIENCE
from support.ports import quiet_port

Make = Callable[[str], Channel]


@pytest.fixture(scope="module", autouse=True)
def thread_of_uncopied_frames() -> None:
    """pyzmq starts one thread per process with the first uncopied frame; no test is to be blamed for it."""
    channel = ZmqChannel("first")
    channel.connect("first", channel.address)
    channel.send("first", Tick("run"), [bytes(COPY_BYTES)])
    receive(channel, 1)
    channel.close()


@pytest.fixture(params=["memory", "zeromq"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes channels of one kind; they are closed in the end."""
    exchange, made = Exchange(), []

    def make(peer: str) -> Channel:
        channel: Channel = exchange.channel(peer) if request.param == "memory" else ZmqChannel(peer)
        made.append(channel)
        return channel

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def zeromq() -> Iterator[ZmqChannel]:
    channel = ZmqChannel("here")
    yield channel
    channel.close()


def receive(channel: Channel, count: int) -> list[Received]:
    received: list[Received] = []
    until = time.monotonic() + PATIENCE
    while len(received) < count and time.monotonic() < until:
        received += channel.receive(0.5)
    return received


def runs(received: list[Received]) -> list[str]:
    return [one.message.run for one in received if isinstance(one.message, Tick)]


def test_a_message_arrives_with_its_sender_and_its_frames(make: Make) -> None:
    a, b = make("a"), make("b")
    a.connect("b", b.address)
    a.send("b", Tick("run"), [b"small", b"", bytes(COPY_BYTES)])
    (one,) = receive(b, 1)
    assert (one.sender, one.message) == ("a", Tick("run"))
    assert [bytes(buffer) for buffer in one.buffers] == [b"small", b"", bytes(COPY_BYTES)]


def test_messages_of_several_senders_arrive_each_in_their_order(make: Make) -> None:
    a, b, c = make("a"), make("b"), make("c")
    for sender in (a, b):
        sender.connect("c", c.address)
    for number in range(5_000):
        a.send("c", Tick(f"{number}"), [bytes(100)] if number % 7 == 0 else ())
        b.send("c", Tick(f"{number}"))
    received = receive(c, 10_000)
    for name in "ab":
        assert runs([one for one in received if one.sender == name]) == [str(n) for n in range(5_000)]


def test_sending_to_an_unknown_peer_is_refused(make: Make) -> None:
    a = make("a")
    with pytest.raises(KeyError):
        a.send("nobody", Tick("run"))


def test_a_peer_that_was_disconnected_is_unknown(make: Make) -> None:
    a, b = make("a"), make("b")
    a.connect("b", b.address)
    a.disconnect("b")
    a.disconnect("b")
    with pytest.raises(KeyError):
        a.send("b", Tick("run"))


def test_a_peer_that_moved_gets_its_messages_at_the_new_address(make: Make) -> None:
    a, old, new = make("a"), make("b-old"), make("b-new")
    a.connect("b", old.address)
    a.send("b", Tick("before"))
    assert runs(receive(old, 1)) == ["before"]
    a.connect("b", new.address)
    a.send("b", Tick("after"))
    assert runs(receive(new, 1)) == ["after"]
    assert old.receive(0) == []


def test_connecting_again_to_the_same_address_keeps_what_is_under_way(make: Make) -> None:
    a, b = make("a"), make("b")
    a.connect("b", b.address)
    a.send("b", Tick("1"))
    a.connect("b", b.address)
    a.send("b", Tick("2"))
    assert runs(receive(b, 2)) == ["1", "2"]


def test_a_process_may_send_to_itself(make: Make) -> None:
    a = make("a")
    a.connect("a", a.address)
    a.send("a", Tick("run"))
    assert runs(receive(a, 1)) == ["run"]


def test_a_renamed_process_sends_under_its_new_name(make: Make) -> None:
    a, b = make("a"), make("b")
    a.connect("b", b.address)
    a.rename("a2")
    a.send("b", Tick("run"))
    assert a.peer == "a2"
    assert receive(b, 1)[0].sender == "a2"


def test_a_channel_may_be_closed_twice(make: Make) -> None:
    a = make("a")
    a.close()
    a.close()
    a.wake()


def test_what_was_sent_just_before_closing_arrives(make: Make) -> None:
    a, b = make("a"), make("b")
    a.connect("b", b.address)
    for number in range(100):
        a.send("b", Tick(str(number)))
    a.close()
    assert runs(receive(b, 100)) == [str(number) for number in range(100)]


def test_sending_to_a_process_that_is_gone_does_no_harm(make: Make) -> None:
    a, b, c = make("a"), make("b"), make("c")
    a.connect("b", b.address)
    a.connect("c", c.address)
    b.close()
    for number in range(10):
        a.send("b", Tick("run"), [b"frame"])
        a.send("c", Tick(str(number)))
    a.disconnect("b")
    assert runs(receive(c, 10)) == [str(number) for number in range(10)]


# ---- ZeroMQ alone --------------------------------------------------------------------------------------------------------------


def test_another_thread_wakes_a_waiting_channel(zeromq: ZmqChannel) -> None:
    waker = threading.Timer(0.05, zeromq.wake)
    waker.start()
    begin = time.monotonic()
    assert zeromq.receive(20) == []
    waker.join()
    assert time.monotonic() - begin < 10


def test_a_wake_up_before_waiting_is_not_missed_and_counts_once(zeromq: ZmqChannel) -> None:
    zeromq.wake()
    zeromq.wake()
    begin = time.monotonic()
    zeromq.receive(20)
    assert time.monotonic() - begin < 10
    begin = time.monotonic()
    zeromq.receive(0.1)
    assert time.monotonic() - begin >= 0.09


def test_a_watched_socket_ends_the_wait_until_it_is_watched_no_more(zeromq: ZmqChannel) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        zeromq.watch(ours.fileno())
        theirs.send(b"x")
        begin = time.monotonic()
        assert zeromq.receive(20) == []
        assert time.monotonic() - begin < 10
        zeromq.unwatch(ours.fileno())
        begin = time.monotonic()
        zeromq.receive(0.1)
        assert time.monotonic() - begin >= 0.09


def test_a_message_of_a_stranger_is_counted_and_dropped(zeromq: ZmqChannel) -> None:
    zeromq.connect("here", zeromq.address)
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 1000
        stranger.connect(zeromq.address)
        stranger.send(b"GET / HTTP/1.1")
        stranger.send_multipart([b"\x92\xa1\xff\xc0", b"frame", bytes(100_000)])
        while zeromq.undecodable < 2:
            assert zeromq.receive(1.0) == []
    zeromq.send("here", Heartbeat("address"))
    assert [type(one.message) for one in receive(zeromq, 1)] == [Heartbeat]
    assert zeromq.undecodable == 2


def test_a_large_frame_is_handed_over_uncopied_and_a_small_one_as_bytes(zeromq: ZmqChannel) -> None:
    zeromq.connect("here", zeromq.address)
    zeromq.send("here", Tick("run"), [bytes(COPY_BYTES - 1), memoryview(bytearray(COPY_BYTES))])
    (one,) = receive(zeromq, 1)
    assert [isinstance(buffer, bytes) for buffer in one.buffers] == [True, False]
    assert list(map(len, one.buffers)) == [COPY_BYTES - 1, COPY_BYTES]


def test_a_channel_listens_where_it_is_told_and_says_where_that_is() -> None:
    port = quiet_port()
    first = ZmqChannel("a", "127.0.0.1", port, advertise="beamline.example")
    try:
        assert first.address == f"tcp://beamline.example:{port}"
        with pytest.raises(OSError, match=f"cannot listen at 127.0.0.1:{port} .*is another controller"):
            ZmqChannel("b", "127.0.0.1", port)
    finally:
        first.close()
    again = ZmqChannel("c", "127.0.0.1", port)
    again.close()


def test_a_peer_that_starts_listening_later_gets_what_was_sent_before(zeromq: ZmqChannel) -> None:
    port = quiet_port()
    zeromq.connect("late", f"tcp://127.0.0.1:{port}")
    zeromq.send("late", Finish("run"))
    late = ZmqChannel("late", port=port)
    try:
        assert [one.message for one in receive(late, 1)] == [Finish("run")]
    finally:
        late.close()

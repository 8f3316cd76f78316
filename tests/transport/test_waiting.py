"""Waiting for several sockets and descriptors with one system call."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
import zmq

from beamloom.transport.waiting import Waiter

LONG = 30.0


@pytest.fixture
def pair() -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    """One that sends, and one that receives."""
    with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        push.set(zmq.LINGER, 0)
        push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
        yield push, pull


def test_what_arrives_ends_the_wait(pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> None:
    push, pull = pair
    waiter = Waiter()
    descriptor = waiter.add(pull)
    push.send(b"one")
    # The connection, too, is something that happens to the socket.
    while not int(pull.get(zmq.EVENTS)) & zmq.POLLIN:
        assert list(waiter.wait(LONG)) == [descriptor]
    assert pull.recv(zmq.DONTWAIT) == b"one"


def test_what_was_there_before_the_wait_is_told_at_once(
    pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]],
) -> None:
    push, pull = pair
    waiter = Waiter()
    descriptor = waiter.add(pull)
    for _ in range(3):
        push.send(b"one")
    assert pull.recv() == b"one"
    # By receiving, ZeroMQ may have taken note of the other two: the descriptor says nothing of them any more.
    for _ in range(2):
        while not int(pull.get(zmq.EVENTS)) & zmq.POLLIN:
            waiter.wait(LONG)
        assert list(waiter.wait(LONG)) == [descriptor]
        assert pull.recv(zmq.DONTWAIT) == b"one"


def test_nothing_is_an_end_too_after_the_time_that_was_given(
    pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]],
) -> None:
    _, pull = pair
    waiter = Waiter()
    waiter.add(pull)
    while waiter.wait(0.02):
        # That it was bound and connected to comes first.
        pass
    assert not waiter.wait(0.0)


def test_a_descriptor_counts_like_a_socket_until_it_is_removed() -> None:
    reading, writing = os.pipe()
    waiter = Waiter()
    try:
        assert waiter.add(reading) == reading
        threading.Timer(0.01, os.write, (writing, b"x")).start()
        assert list(waiter.wait(LONG)) == [reading]
        waiter.remove(reading)
        assert not waiter.wait(0.0)
        with pytest.raises(KeyError):
            waiter.remove(reading)
    finally:
        os.close(reading)
        os.close(writing)


def test_part_of_a_millisecond_is_no_longer_than_that(
    pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]],
) -> None:
    push, pull = pair
    waiter = Waiter()
    descriptor = waiter.add(pull)
    push.send(b"one")
    pull.poll()
    assert list(waiter.wait(0.0005)) == [descriptor]
    pull.recv()
    while waiter.wait(0.0005):
        pull.get(zmq.EVENTS)
    other, own = os.pipe()
    waiter.add(other)
    waits = [waiter.wait(0.0002) for _ in range(20)]
    assert waits == [[]] * 20
    os.write(own, b"1")
    assert list(waiter.wait(0.0005)) == [other]
    waiter.remove(other)
    assert list(waiter.wait(0.0005)) == []
    os.close(other)
    os.close(own)

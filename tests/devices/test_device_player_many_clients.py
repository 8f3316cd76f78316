"""Simulators whose clients come and go thousands of times while nobody waits for one: they go on, and they close."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import zmq

from beamloom.devices.player import ZmqPlayer
from support.patience import PATIENCE

pytestmark = pytest.mark.long

MANY = 1050
"""Each makes two reports; ZeroMQ keeps 2,000 of them for a monitor that is not read, and then waits."""


def come_and_go(url: str) -> None:
    """So many connections that end before anything is said; the last ones wait for a simulator that stands still."""
    where = urlsplit(url)
    for _ in range(MANY):
        socket.create_connection((where.hostname, where.port or 0), timeout=PATIENCE).close()


def check(url: str, exchange: Callable[[zmq.Context[zmq.Socket[bytes]]], bytes]) -> None:
    come_and_go(url)
    with zmq.Context() as context:
        assert exchange(context) == b"a message"
    come_and_go(url)


def test_a_player_does_not_stand_still_after_thousands_of_clients() -> None:
    player = ZmqPlayer("tcp://127.0.0.1:*", zmq.PUSH, lambda message: True)

    def exchange(context: zmq.Context[zmq.Socket[bytes]]) -> bytes:
        with context.socket(zmq.PULL) as client:
            client.set(zmq.RCVTIMEO, 10_000)
            client.connect(player.url)
            assert player.play([[b"a message"]]) == 1
            return client.recv()

    check(player.url, exchange)
    player.close()


def test_a_bridge_does_not_stand_still_after_thousands_of_clients() -> None:
    bridge = ZmqPlayer("tcp://127.0.0.1:*", zmq.REP, lambda message: True)

    def exchange(context: zmq.Context[zmq.Socket[bytes]]) -> bytes:
        with context.socket(zmq.REQ) as client:
            client.set(zmq.RCVTIMEO, 10_000)
            client.connect(bridge.url)
            client.send(b"next")
            assert bridge.play([[b"a message"]]) == 1
            return client.recv()

    check(bridge.url, exchange)
    bridge.close()

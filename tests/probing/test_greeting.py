"""Who listens at an address is found out without taking a message away."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
import zmq

from beamloom.devices import stins
from beamloom.probing.greeting import Peer, greet
from support.ports import quiet_port


@pytest.mark.parametrize(
    ("pattern", "name", "reader"),
    [
        (zmq.PUB, "PUB", zmq.SUB),
        (zmq.XPUB, "XPUB", zmq.SUB),
        (zmq.PUSH, "PUSH", zmq.PULL),
        (zmq.REP, "REP", zmq.REQ),
        (zmq.PULL, "PULL", None),
    ],
)
def test_a_zeromq_socket_tells_its_type(pattern: int, name: str, reader: int | None) -> None:
    with zmq.Context() as context, context.socket(pattern) as sender:
        port = sender.bind_to_random_port("tcp://127.0.0.1")
        peer = greet(f"tcp://127.0.0.1:{port}", 5)
    assert peer == Peer(zeromq=True, socket_type=name)
    assert peer is not None
    assert peer.read_by == reader


def test_a_local_socket_tells_its_type_too(tmp_path: Path) -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as sender:
        sender.bind(f"ipc://{tmp_path}/s")
        assert greet(f"ipc://{tmp_path}/s", 5) == Peer(zeromq=True, socket_type="PUSH")


def test_a_socket_that_wants_keys_says_so() -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as sender:
        sender.curve_server = True
        sender.curve_publickey, sender.curve_secretkey = zmq.curve_keypair()
        port = sender.bind_to_random_port("tcp://127.0.0.1")
        assert greet(f"tcp://127.0.0.1:{port}", 5) == Peer(zeromq=True, secured=True)


def test_asking_takes_no_message_from_who_pushes() -> None:
    simulator = stins.simulator("tcp://127.0.0.1:*")
    try:
        player = threading.Thread(target=lambda: simulator.play(stins.generate(frames=20)))
        player.start()
        for _ in range(3):
            assert greet(simulator.url, 5) == Peer(zeromq=True, socket_type="PUSH")
        with zmq.Context() as context, context.socket(zmq.PULL) as reader:
            reader.rcvtimeo = 10_000
            reader.connect(simulator.url)
            first = reader.recv_multipart()
            others = [reader.recv_multipart() for _ in range(21)]
        player.join()
    finally:
        simulator.close()
    assert b'"header"' in first[0]
    assert b'"series_end"' in others[-1][0]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\x00"])
def test_what_speaks_something_else_is_no_zeromq(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", quiet_port())) as listener:

        def reply() -> None:
            client, _ = listener.accept()
            with client:
                client.sendall(answer)

        server = threading.Thread(target=reply)
        server.start()
        peer = greet(f"tcp://127.0.0.1:{listener.getsockname()[1]}", 5)
        server.join()
    assert peer == Peer(zeromq=False)


def test_nobody_is_none() -> None:
    assert greet(f"tcp://127.0.0.1:{quiet_port()}", 0.2) is None


def test_other_addresses_are_refused() -> None:
    with pytest.raises(ValueError, match="no address that can be asked"):
        greet("http://127.0.0.1:1", 1)


def test_at_a_name_that_no_host_can_have_nobody_listens() -> None:
    assert greet("tcp://detector..example.org:9999", 0.01) is None

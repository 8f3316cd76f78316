"""A simulator is not confused by somebody who knocks and goes away."""

from __future__ import annotations

import socket
import time

import zmq

from beamloom.devices import stins
from support.patience import PATIENCE


def test_a_port_scan_before_the_client_does_not_keep_the_simulator_waiting() -> None:
    camera = stins.simulator("tcp://127.0.0.1:*")
    port = int(camera.url.rpartition(":")[2])
    with zmq.Context() as context, context.socket(zmq.PULL) as client:
        try:
            for _ in range(3):
                with socket.create_connection(("127.0.0.1", port)) as knock:
                    knock.recv(10)
            client.connect(camera.url)
            begin = time.monotonic()
            camera.wait_for_client(PATIENCE)
            assert time.monotonic() - begin < 9
        finally:
            camera.close()

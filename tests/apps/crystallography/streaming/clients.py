"""Clients that do over a real socket what CrystFEL's do: REQ, ``next``, looking again every 3 s without asking again, one map as answer."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt
import zmq

SHORT = 15
"""CrystFEL takes an answer of so many bytes or less for no frame."""


class CrystfelLike:
    """One of the processes of indexamajig."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str) -> None:
        self._socket = context.socket(zmq.REQ)
        self._socket.linger = 0
        self._socket.connect(address)
        self._asked = False
        self.told_nothing = 0

    def ask(self) -> None:
        self._socket.send(b"next")
        self._asked = True

    def look(self, seconds: float = 3.0) -> bytes | None:
        """The answer, if there is one in the time."""
        if not self._socket.poll(int(seconds * 1000)):
            return None
        self._asked = False
        return self._socket.recv()

    def next_hit(self, patience: float) -> dict[str, Any] | None:
        """Ask until there is a frame."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if not self._asked:
                self.ask()
            answer = self.look(min(3.0, max(0.0, end - time.monotonic())))
            if answer is None:
                continue
            if len(answer) <= SHORT:
                self.told_nothing += 1
                continue
            return as_crystfel_reads(answer)
        return None

    def say(self, what: bytes) -> Any:
        """Ask for something else."""
        self._socket.send(what)
        assert self._socket.poll(20_000)
        return self._socket.recv()

    def close(self) -> None:
        self._socket.close()


def as_crystfel_reads(answer: bytes) -> dict[str, Any]:
    """The map, with all that CrystFEL asks of it checked."""
    said: dict[str, Any] = msgpack.unpackb(answer, strict_map_key=False)
    image = said["detector_data"]
    assert image[b"type"] in ("<i4", "<f4")
    assert len(image[b"shape"]) == 2
    said["image"] = np.frombuffer(image[b"data"], image[b"type"]).reshape(image[b"shape"])
    peaks = said["peak_list"]
    for name in ("fs", "ss", "intensity"):
        assert all(isinstance(value, float) for value in peaks[name])
        assert len(peaks[name]) == peaks["num_peaks"]
    return said


def number_of(hit: dict[str, Any]) -> int:
    """The number in the event id of a hit."""
    return int(hit["event_id"].rpartition("// ")[2])


def numbered(number: int, shape: tuple[int, int] = (16, 24)) -> npt.NDArray[np.uint16]:
    """A frame that tells which it is."""
    return np.full(shape, number, np.uint16)


@contextmanager
def crystfel_like(address: str, count: int = 1) -> Iterator[list[CrystfelLike]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    clients = [CrystfelLike(context, address) for _ in range(count)]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()
        context.term()


def main(address: str) -> None:
    """Ask, say what came, one line each; for a test that kills this process."""
    with crystfel_like(address) as (client,):
        while True:
            hit = client.next_hit(60.0)
            if hit is None:
                return
            sys.stdout.write(f"{number_of(hit)}\n")
            sys.stdout.flush()
            if not sys.stdin.readline():
                return


if __name__ == "__main__":
    main(sys.argv[1])

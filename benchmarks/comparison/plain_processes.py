"""The hops of an event without any framework: blocking sockets of pyzmq, several small events in one message, as well as Python can.

    python plain_processes.py ingester NUMBER SETUP      (SETUP as JSON: the addresses, and what the analysis does)

The n-th block of ``block`` events goes to the n-th worker, round and round, whatever the stream, so a worker has all packets of its events.
There is nothing that a pipeline promises: what dies is lost, nobody counts, and no worker gets less because it is slower.

A message with events: first event, count and whether the run has ended; then of small packets their sizes and all of them in one
piece, of a large packet itself. A message with results: msgpack of their list, or the word that the run has ended.
"""

from __future__ import annotations

import gc
import json
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zmq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from comparison_analysis import Reducer

HEAD = struct.Struct("<QII")
LARGE = 65536
END = b'{"htype":"series_end"'
START = b'{"htype":"header"'


def ingest(context: zmq.Context[Any], number: int, setup: dict[str, Any]) -> None:
    """Read a detector, and deal its frames out."""
    source = context.socket(zmq.PULL)
    source.connect(setup["sources"][number])
    workers = [context.socket(zmq.PUSH) for _ in setup["workers"]]
    for worker, addresses in zip(workers, setup["workers"], strict=True):
        worker.connect(addresses[number])
    recv = source.recv
    block = setup["block"]
    event, first, pending = 0, 0, []

    def flush(ended: int = 0) -> None:
        nonlocal first, pending
        worker = workers[first // block % len(workers)]
        worker.send(HEAD.pack(first, len(pending), ended), zmq.SNDMORE)
        worker.send(struct.pack(f"<{len(pending)}I", *map(len, pending)), zmq.SNDMORE)
        worker.send(b"".join(pending))
        first, pending = event, []

    while True:
        try:
            head = recv(zmq.DONTWAIT)
        except zmq.Again:
            if pending:
                flush()
            head = recv()
        if head.startswith(START):
            event = first = 0
            continue
        if head.startswith(END):
            if pending:
                flush()
            for worker in workers:
                worker.send(HEAD.pack(event, 0, 1))
            continue
        frame = recv(copy=False)
        if len(frame) >= LARGE:
            worker = workers[event // block % len(workers)]
            worker.send(HEAD.pack(event, 1, 0), zmq.SNDMORE)
            worker.send(frame, copy=False)
            event += 1
            first = event
            continue
        pending.append(frame.bytes)
        event += 1
        if event % block == 0:
            flush()


def counted(event: int, packets: list[Any]) -> dict[str, int]:
    """As CountingWorker."""
    return {"event": event}


def read(event: int, packets: list[Any]) -> dict[str, int]:
    """As ReadingWorker."""
    return {"sum": sum(int(np.frombuffer(packet, np.uint64).sum()) for packet in packets)}


def stamped(event: int, packets: list[Any]) -> dict[str, int]:
    """As StampWorker."""
    return {"stamp": int.from_bytes(packets[0][:8], "little")}


ANALYSES: dict[str, Callable[[int, list[Any]], dict[str, int]]] = {
    "CountingWorker": counted,
    "ReadingWorker": read,
    "StampWorker": stamped,
}


def packets_of(header: bytes, socket: zmq.Socket[bytes]) -> Iterator[tuple[int, Any]]:
    """The events of a message whose first frame was ``header``, each with its packet."""
    first, count, _ = HEAD.unpack(header)
    second = socket.recv(copy=False)
    if not second.more:
        yield first, second.buffer
        return
    sizes = struct.unpack(f"<{count}I", second.buffer)
    joined = socket.recv()
    at = 0
    for event, size in enumerate(sizes, first):
        yield event, joined[at : at + size]
        at += size


def work(context: zmq.Context[Any], number: int, setup: dict[str, Any]) -> None:
    """Put events together, call the analysis for each, send what it returns."""
    sockets = []
    for address in setup["workers"][number]:
        sockets.append(context.socket(zmq.PULL))
        sockets[-1].bind(address)
    reducer = context.socket(zmq.PUSH)
    reducer.connect(setup["reducer"])
    process = ANALYSES[setup["analysis"]]
    encode = msgspec.msgpack.Encoder().encode
    alone = len(sockets) == 1
    waiting: dict[int, list[Any]] = {}
    ended = 0
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
    while True:
        ready = sockets if alone else [socket for socket, _ in poller.poll()]
        for socket in ready:
            header = socket.recv()
            if HEAD.unpack(header)[2]:
                ended += 1
                if ended == len(sockets):
                    reducer.send(b"end")
                    ended = 0
                continue
            if alone:
                results = [process(event, [packet]) for event, packet in packets_of(header, socket)]
            else:
                results = []
                for event, packet in packets_of(header, socket):
                    packets = waiting.setdefault(event, [])
                    packets.append(packet)
                    if len(packets) == len(sockets):
                        results.append(process(event, waiting.pop(event)))
            if results:
                reducer.send(encode(results))


class Plain:
    """A result as a reducer sees it."""

    __slots__ = ("payload",)

    def __init__(self, payload: dict[str, int]) -> None:
        self.payload = payload


def reduce(context: zmq.Context[Any], setup: dict[str, Any]) -> None:
    """Call the reducer for each result; at the end of each run it writes what it found."""
    socket = context.socket(zmq.PULL)
    socket.bind(setup["reducer"])
    decode = msgspec.msgpack.Decoder(list[dict[str, int]]).decode
    while True:
        reducer = Reducer()
        ended = 0
        while ended < len(setup["workers"]):
            message = socket.recv()
            if message == b"end":
                ended += 1
                continue
            for payload in decode(message):
                reducer.process_result(Plain(payload))
        reducer.finish()


def main() -> None:
    """Be one of the processes until killed."""
    role, number, setup = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    gc.disable()
    with zmq.Context() as context:
        if role == "ingester":
            ingest(context, number, setup)
        elif role == "worker":
            work(context, number, setup)
        else:
            reduce(context, setup)


if __name__ == "__main__":
    main()

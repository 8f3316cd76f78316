"""A detector that sends as fast as it is read: STINS over PUSH, frames made beforehand.

Run as a process: ``python stins_source.py PORT_FILE``; reads lines ``FRAMES BYTES`` from standard input and sends one series for each.
"""

from __future__ import annotations

import sys
from pathlib import Path

import zmq


def send_series(socket: zmq.Socket[bytes], frames: int, size: int) -> None:
    """One series: header, images, end."""
    blob = bytes(size)
    shape = b"[%d]" % size
    send = socket.send
    send(b'{"htype":"header","filename":"","msg_number":0}')
    for frame in range(frames):
        head = b'{"htype":"image","frame":%d,"shape":%b,"type":"uint8","compression":"none","msg_number":%d}'
        send(head % (frame, shape, frame + 1), zmq.SNDMORE)
        send(blob, copy=size < 65536)
    send(b'{"htype":"series_end","msg_number":%d}' % (frames + 1))


def main() -> None:
    """Send a series for each line of standard input."""
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.set(zmq.LINGER, 0)
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        Path(sys.argv[1]).write_text(str(port))
        for line in sys.stdin:
            frames, size = map(int, line.split())
            send_series(socket, frames, size)


if __name__ == "__main__":
    main()

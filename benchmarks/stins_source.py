"""A detector that sends as fast as it is read, or at a given rate: STINS over PUSH, frames made beforehand.

Run as a process: ``python stins_source.py PORT_FILE``; reads lines ``FRAMES BYTES [RATE]`` from standard input and sends one series for
each. At a rate, frame i is due at a time that was fixed before the series began, and its first eight bytes are that time (``monotonic_ns``,
little endian), whether or not it could be sent then: what waits because something is slow counts as late. Without one they are zero.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from pathlib import Path

import zmq
from zmq.backend import Socket

UNCOPIED_BYTES = 65536
"""From this size on a frame is not copied to be sent."""
HEAD = b'{"htype":"image","frame":%d,"shape":%b,"type":"uint8","compression":"none","msg_number":%d}'
PR_SET_TIMERSLACK = 29


def send_series(socket: zmq.Socket[bytes], frames: int, size: int, rate: float = 0.0) -> None:
    """One series: header, images, end; at ``rate`` images per second, or without a pause."""
    blob = bytearray(size)
    shape = b"[%d]" % size
    # Without what Socket.send looks at for sockets of other types, which takes a third of the time of a small frame.
    send: Callable[..., object] = Socket.send
    send(socket, b'{"htype":"header","filename":"","msg_number":0}')
    copy = size < UNCOPIED_BYTES
    interval = 1e9 / rate if rate else 0.0
    begin = time.monotonic_ns() + 50_000_000
    for frame in range(frames):
        if interval:
            due = begin + int(frame * interval)
            early = due - time.monotonic_ns()
            if early > 0:
                time.sleep(early / 1e9)
            blob = bytearray(size) if not copy else blob
            blob[:8] = due.to_bytes(8, "little")
        send(socket, HEAD % (frame, shape, frame + 1), zmq.SNDMORE)
        send(socket, blob, copy=copy)
    send(socket, b'{"htype":"series_end","msg_number":%d}' % (frames + 1))


def main() -> None:
    """Send a series for each line of standard input."""
    if sys.platform == "linux":
        # Linux wakes a sleeper up to 50 us late, unless it asks for less.
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0)
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.set(zmq.LINGER, 0)
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        Path(sys.argv[1]).write_text(str(port))
        for line in sys.stdin:
            frames, size, *rate = line.split()
            send_series(socket, int(frames), int(size), float(rate[0]) if rate else 0.0)


if __name__ == "__main__":
    main()

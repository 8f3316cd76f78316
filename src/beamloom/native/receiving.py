"""Receives all messages that have arrived at a ZeroMQ socket, as columns: their frames, and how many frames each has.

Policy: never waits. Small frames are ``bytes``; a large one stays where ZeroMQ has received it and is another object with the buffer
protocol. Messages come whole or not at all. An error is raised, as pyzmq raises it, when nothing has come before it.

Frame by frame, pyzmq makes two objects for each. The compiled way makes one, and asks nobody whether more follow. Where frames are large
this gives nothing, and frames as pyzmq makes them cost less to send on: so behind a large frame the next messages are received by pyzmq.
"""

from __future__ import annotations

import errno
import importlib
import os
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import zmq

LARGE_FRAME: Final = 64 * 1024
"""Bytes from which on a frame is not copied; a smaller one is cheaper to copy."""
_AT_ONCE: Final = int(zmq.DONTWAIT)
"""As a plain integer: the name costs a tenth of a microsecond each time."""

_SMALL: Final = {bytes}

Columns: TypeAlias = tuple[list[Any], list[int]]
"""The frames of all messages, one after the other, and how many each message has."""
Compiled: TypeAlias = Callable[[int, int, int], Columns]
"""Is passed the address of the socket, how many messages are wanted, and from which size on a frame is large."""
_LOOKED_AT: Final = 16
"""So many of the latest frames tell whether large ones come."""


def _compiled() -> tuple[Compiled | None, str]:
    """What receives compiled, and why that is missing."""
    if os.environ.get("BEAMLOOM_NATIVE") == "0":
        return None, "it is switched off by BEAMLOOM_NATIVE=0"
    try:
        from zmq.backend.cython import _zmq

        core = importlib.import_module("beamloom.native._core")
        version = core.bind(_zmq.__file__)
    except (ImportError, AttributeError) as error:
        return None, f"it was not built as there was no compiler, or it does not find libzmq ({error})"
    if version != zmq.zmq_version_info():
        return None, f"it finds libzmq {version}, pyzmq uses {zmq.zmq_version_info()}"
    receive: Compiled = core.receive
    return receive, ""


COMPILED, WITHOUT = _compiled()
"""The second: why the first is missing, in words; empty where it is not."""


class Receiver:
    """Receives from one socket."""

    def __init__(self, socket: zmq.Socket[bytes], compiled: Compiled | None = COMPILED) -> None:
        """By pyzmq where ``compiled`` is None."""
        self._socket = socket
        self._compiled = compiled
        self._large = False

    def receive(self, most: int) -> Columns:
        """At most so many messages of those that have arrived, oldest first. Raises a ZMQError."""
        if self._compiled is None or self._large:
            received = _receive(self._socket, most)
        else:
            try:
                received = self._compiled(self._socket.underlying, most, LARGE_FRAME)
            except OSError as error:
                raise zmq.ZMQError(error.errno or errno.EIO) from None
        if self._compiled is not None and received[1]:
            # That nothing was there tells nothing of what comes next.
            self._large = not _SMALL.issuperset(map(type, received[0][-_LOOKED_AT:]))
        return received


def _receive(socket: zmq.Socket[bytes], most: int) -> Columns:
    # A frame knows whether another follows; asking the socket takes as long as receiving does.
    receive = socket.recv
    frames: list[Any] = []
    counts: list[int] = []
    begin = 0
    try:
        for _ in range(most):
            frame = receive(_AT_ONCE, False)
            frames.append(frame.bytes if len(frame) < LARGE_FRAME else frame)
            while frame.more:
                frame = receive(_AT_ONCE, False)
                frames.append(frame.bytes if len(frame) < LARGE_FRAME else frame)
            counts.append(len(frames) - begin)
            begin = len(frames)
    except zmq.Again:
        del frames[begin:]
    except zmq.ZMQError:
        del frames[begin:]
        if not counts:
            raise
    return frames, counts

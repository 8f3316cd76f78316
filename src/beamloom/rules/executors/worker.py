"""A worker process of the local pool: takes chunks from its standard input, and ends when that ends.

So no worker outlives its engine, however that has died, and none has to be found and ended by anybody; nor does what its tasks have
started, as far as that is in its group. Processes that tasks fork do not have its pipes: its end would not be seen while they are
there. What tasks print goes to the standard error, which is the engine's.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from typing import BinaryIO, Final

import msgspec

from beamloom.rules.executors.pipes import Alive, Forget, FromWorker, Ready, ToWorker, receive, send
from beamloom.rules.spec import Coming, Setup
from beamloom.rules.tasks.calling import Caller

PULSE: Final = 1.0
"""Seconds between two signs of life."""


class Line:
    """The way to the engine, which two threads use."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._turn = threading.Lock()
        self.number = pipe.fileno()
        """Of its file descriptor."""

    def send(self, message: FromWorker) -> None:
        """Where nobody reads any more there is nothing left to do."""
        with self._turn:
            try:
                send(self._pipe, message)
            except OSError:
                end()


def end() -> None:
    """End at once, with all that tasks have started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def main() -> None:
    """Work until there is nobody to work for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming = os.fdopen(os.dup(0), "rb")
    line = Line(os.fdopen(os.dup(1), "wb"))
    # Tasks that read find nothing, and what they print does not get between the messages.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    _keep_from_children(nothing, [incoming.fileno(), line.number])
    sys.stdout = sys.stderr
    todo: queue.SimpleQueue[ToWorker] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(incoming, todo), daemon=True).start()
    threading.Thread(target=_pulse, args=(line,), daemon=True).start()
    line.send(Ready())
    caller = Caller()
    while True:
        message = todo.get()
        if isinstance(message, Setup):
            caller.setup(message)
        elif isinstance(message, Coming):
            caller.expect(message)
        elif isinstance(message, Forget):
            caller.forget(message.step)
        else:
            line.send(caller.call(message))


def _read(incoming: BinaryIO, todo: queue.SimpleQueue[ToWorker]) -> None:
    decoder = msgspec.msgpack.Decoder(ToWorker)
    while (body := receive(incoming)) is not None:
        todo.put(decoder.decode(body))
    end()


def _keep_from_children(nothing: int, pipes: list[int]) -> None:
    def let_go() -> None:
        for pipe in pipes:
            os.dup2(nothing, pipe, inheritable=False)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=let_go)


def _pulse(line: Line) -> None:
    never = threading.Event()
    while not never.wait(PULSE):
        line.send(Alive())


if __name__ == "__main__":
    main()

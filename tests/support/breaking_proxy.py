"""A middlebox: passes bytes on between processes, and resets connections at chosen places, with what is under way."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType

from support.patience import PATIENCE
from support.ports import quiet_port

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends RST, and what waits in either direction is lost."""


class BreakingProxy:
    """Stands before one address. The n-th connection is reset after the n-th of ``breaks`` bytes towards that address; None: never.

    What has been read beyond that is lost, as in the buffers of a kernel; the sender has been told that it has arrived. After the last
    of ``breaks`` connections stay.
    """

    def __init__(self, target: str, breaks: Iterable[int | None] = ()) -> None:
        host, port = target.removeprefix("tcp://").rsplit(":", 1)
        self._target = (host, int(port))
        self._breaks: Iterator[int | None] = itertools.chain(breaks, itertools.repeat(None))
        self._listener = socket.create_server(("127.0.0.1", quiet_port()))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.broken = 0
        """Connections that were reset."""
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._over = False
        self._threads = [threading.Thread(target=self._accept, name="breaking proxy", daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> BreakingProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset_all()
        for thread in self._threads:  # the one that accepts is the first, and may still add to them
            thread.join()

    def reset_all(self) -> None:
        """Reset all connections that there are now."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            _reset(connection)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target, PATIENCE)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            limit = next(self._breaks)
            with self._lock:
                if self._over:
                    _reset(near)
                    _reset(far)
                    return
                self._open += [near, far]
            for one in (
                threading.Thread(target=self._pass_on, args=(near, far, limit), daemon=True),
                threading.Thread(target=self._pass_on, args=(far, near, None), daemon=True),
            ):
                self._threads.append(one)
                one.start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while chunk := source.recv(1 << 16):
                if limit is not None and passed + len(chunk) >= limit:
                    sink.sendall(chunk[: limit - passed])
                    self.broken += 1
                    break
                sink.sendall(chunk)
                passed += len(chunk)
        _reset(source)
        _reset(sink)


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with contextlib.suppress(OSError):
        # Wakes who reads from it in another thread, which closing alone does not.
        connection.shutdown(socket.SHUT_RD)
    connection.close()

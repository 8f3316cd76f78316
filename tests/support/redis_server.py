"""A Redis or Valkey server of a test: at a socket in a folder, with nothing of it on the network; or on one of the test's own hosts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.hosts import Host
from support.patience import PATIENCE

PORT = 6379


class RedisServer:
    """A server that can be killed and started again; what it has is kept in its folder unless it is to forget."""

    def __init__(self, folder: Path, host: Host | None = None) -> None:
        self._program = shutil.which("redis-server") or shutil.which("valkey-server")
        if self._program is None:
            pytest.skip("needs a Redis or Valkey server; on Debian and Ubuntu it is the package redis-server")
        pytest.importorskip("redis")
        self._folder = folder
        self._host = host
        self._socket = folder / "store.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self._socket}" if self._host is None else f"redis://{self._host.address}:{PORT}/0"

    def start(self) -> None:
        assert self._program is not None
        prefix: tuple[str, ...] = ()
        network = ["--port", "0"]
        if self._host is not None:
            prefix = self._host.prefix
            network = ["--port", str(PORT), "--bind", self._host.address, "--protected-mode", "no"]
        words = [*network, "--unixsocket", str(self._socket), "--dir", str(self._folder)]
        words += ["--save", "", "--appendonly", "yes", "--appendfsync", "no"]
        self._process = subprocess.Popen([*prefix, self._program, *words], stdout=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, "the store's server has ended"
            assert time.monotonic() < end, "the store's server does not answer"
            time.sleep(0.005)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """All that it has is gone, as with a server that keeps nothing."""
        self.kill()
        shutil.rmtree(self._folder / "appendonlydir")


@contextmanager
def redis_server(folder: Path, host: Host | None = None) -> Iterator[RedisServer]:
    server = RedisServer(folder, host)
    try:
        yield server
    finally:
        server.kill()

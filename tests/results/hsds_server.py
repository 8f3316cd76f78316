"""A real HSDS server for tests: storage in a folder, reached over sockets in another, ended by its id."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.environments import python_with

VERSION = "1.0.2"
USER = "admin"
PATIENCE = 30.0
BUCKET = "results"


class HsdsServer:
    """A server that can be stopped and started again over the same storage."""

    def __init__(self, repository: Path, storage: Path) -> None:
        self._python = python_with(repository, "hsds", VERSION)
        self._storage = storage
        (storage / BUCKET).mkdir(parents=True, exist_ok=True)
        # The name of a socket has at most 107 bytes.
        self._sockets = Path(tempfile.mkdtemp(prefix="hsds-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return "http+unix://" + str(self._sockets / "sn_1.sock").replace("/", "%2F")

    def file(self, domain: str) -> Any:
        """A domain, to be read."""
        import h5pyd

        return h5pyd.File(domain, "r", endpoint=self.endpoint, username=USER, password=USER, bucket=BUCKET)

    def start(self) -> None:
        for socket in self._sockets.iterdir():
            socket.unlink()
        words = [str(self._python), str(self._python.with_name("hsds"))]
        words += ["--root_dir", str(self._storage), "--bucket_name", BUCKET, "--count", "1"]
        words += ["--socket_dir", str(self._sockets), "--hs_username", USER, "--hs_password", USER]
        environment = {**os.environ, "PATH": f"{self._python.parent}{os.pathsep}{os.environ['PATH']}"}
        environment.pop("PYTHONPATH", None)
        with (self._storage / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                words, cwd=self._storage, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + PATIENCE
        while not self._is_ready():
            if time.monotonic() > end or self._process.poll() is not None:
                pytest.fail(f"HSDS did not start:\n{(self._storage / 'server.log').read_text()[-3000:]}")
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        """Whether it knows that a domain is not there; before that it answers with other errors."""
        import requests_unixsocket  # type: ignore[import-untyped]

        asked = {"domain": "/nothing.h5", "bucket": BUCKET}
        with requests_unixsocket.Session() as session, contextlib.suppress(OSError):
            answer = session.get(f"{self.endpoint}/", params=asked, auth=(USER, USER), timeout=2)
            return bool(answer.status_code == 404)
        return False

    def objects_stored(self) -> int:
        """How many datasets are in the storage: a server writes them some time after they were sent."""
        return len(list((self._storage / BUCKET).rglob(".dataset.json")))

    def stop(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(5)
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._sockets)


@contextlib.contextmanager
def hsds_server(repository: Path, storage: Path) -> Iterator[HsdsServer]:
    pytest.importorskip("requests_unixsocket", reason="needs requests_unixsocket")
    server = HsdsServer(repository, storage)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HS_ENDPOINT", server.endpoint)
        patch.setenv("HS_USERNAME", USER)
        patch.setenv("HS_PASSWORD", USER)
        patch.setenv("HS_BUCKET", BUCKET)
        try:
            server.start()
            yield server
        finally:
            server.close()

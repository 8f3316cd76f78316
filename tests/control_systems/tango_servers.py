"""A Tango database and the device server of a pipeline, as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tango

from live.pipelines import wait_until
from support.patience import PATIENCE

DEVICE = "test/pipeline/1"


@contextmanager
def process(
    *command: str, python: Path | str = sys.executable, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Python's, in a folder of its own, that ends with the block at the latest."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [str(python), *command],
            cwd=folder,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as running,
    ):
        try:
            yield running
        finally:
            running.kill()
            running.wait(PATIENCE)


@contextmanager
def database(port: int) -> Iterator[tango.Database]:
    """The database that PyTango brings, with a file of its own."""
    with process("-m", "tango.databaseds.database", "--port", str(port), "2"):

        def reached() -> tango.Database | None:
            try:
                return tango.Database("127.0.0.1", port)
            except tango.DevFailed:
                return None

        yield wait_until(reached, "the Tango database")


def answering(name: str) -> tango.DeviceProxy:
    """The device, once it answers."""

    def reached() -> tango.DeviceProxy | None:
        try:
            proxy = tango.DeviceProxy(name)
            proxy.ping()
        except tango.DevFailed:
            return None
        return proxy

    return wait_until(reached, f"the device {name}")

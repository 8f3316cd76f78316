"""Small processes that stand in for the services of a pipeline, and waiting for processes to be gone."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterable

from beamloom.placement import ProcessSpec

QUICK_PYTHON = (sys.executable, "-I", "-S", "-u", "-c")


def sleeper(name: str = "sleeper", stop_stage: int = 0) -> ProcessSpec:
    """Says that it runs, then waits to be told to end."""
    return python(name, "import signal; print('up'); signal.pause()", stop_stage=stop_stage)


def stubborn(name: str = "stubborn") -> ProcessSpec:
    """Pays no heed to SIGTERM."""
    return python(
        name,
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up')\nwhile True: signal.pause()",
    )


def python(name: str, code: str, *, stop_stage: int = 0) -> ProcessSpec:
    """Runs ``code``."""
    return ProcessSpec(name, (*QUICK_PYTHON, code), stop_stage=stop_stage)


class Ends:
    """Watches processes that may be anybody's children; open it while they run."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._open = {os.pidfd_open(pid): pid for pid in pids}

    def wait(self, timeout: float) -> None:
        """Return when all have ended; raises TimeoutError that names those that have not, and closes what was opened."""
        try:
            for descriptor, pid in self._open.items():
                if not select.select([descriptor], [], [], timeout)[0]:
                    raise TimeoutError(f"process {pid} has not ended within {timeout} s")
        finally:
            for descriptor in self._open:
                os.close(descriptor)
            self._open = {}

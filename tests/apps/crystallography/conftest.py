"""More patience for tests that may have to compile a kernel first, as each does that comes first after a change; the thread of pyzmq."""

from __future__ import annotations

from pathlib import Path

import pytest
from zmq.utils.garbage import gc

SECONDS = 240
"""Compiling takes ten seconds of CPU time, and processors are shared."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session", autouse=True)
def thread_of_pyzmq() -> None:
    """It waits for messages that were sent without copying them, begins with the first of these, and ends with the process."""
    if gc.thread is None:
        gc.start()

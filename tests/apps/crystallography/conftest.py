"""More patience for tests that may have to compile a kernel first, as each does that comes first after a change."""

from __future__ import annotations

from pathlib import Path

import pytest

SECONDS = 240
"""Compiling takes ten seconds of CPU time, and processors are shared."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(SECONDS))

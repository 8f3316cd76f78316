"""Helm's engine, started once for the tests of a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.helm_engine import Helm, python_for_helm


@pytest.fixture(scope="session")
def helm(repository: Path) -> Iterator[Helm]:
    """The engine; skips the test where it cannot be had."""
    engine = Helm(python_for_helm(repository))
    try:
        yield engine
    finally:
        engine.close()

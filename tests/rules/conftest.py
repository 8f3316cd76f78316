"""Engines for tests of rules, and series to work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from beamloom.rules import LocalPool, RuleEngine, SpoolWriter
from beamloom.rules.arrays import Array


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[RuleEngine]:
    """An engine with two workers."""
    with RuleEngine(tmp_path / "rules", LocalPool(2)) as engine:
        yield engine


def frames(count: int, seed: int = 0) -> Array:
    """Small frames that are all different."""
    return np.random.default_rng(seed).integers(0, 1000, (count, 6, 5)).astype(np.uint16)


def series(folder: Path, pixels: Array, *, close: bool = True) -> SpoolWriter:
    """A series of these frames."""
    writer = SpoolWriter(folder, pixels.shape[1:], str(pixels.dtype))
    writer.write(pixels)
    if close:
        writer.close()
    return writer


def expected(pixels: Array) -> Array:
    """What ``support.rule_tasks.sums`` finds."""
    found: Array = pixels.astype(np.int64).sum(axis=(1, 2))
    return found

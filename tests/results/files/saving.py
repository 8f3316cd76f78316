"""Material of the tests of saved results."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from beamloom.engine.accounts.coverage import Coverage
from beamloom.results.files.keeper import Keeper
from beamloom.results.record import EpochRecord, RunRecord
from beamloom.results.snapshot import Snapshot


class Publishing:
    """A reader of results whose tree the test sets."""

    def __init__(self, run: str = "run-1") -> None:
        self.run = run
        self.version = 0
        self.tree: dict[str, Any] = {}
        self.coverage: Coverage | None = None
        self.read = 0

    def publish(self, **tree: Any) -> None:
        self.tree = tree
        self.version += 1

    def now(self) -> Snapshot:
        return Snapshot(self.version, self.run, self.tree, coverage=self.coverage)

    async def snapshot(self) -> Snapshot:
        self.read += 1
        return self.now()

    async def newer(self, version: int) -> Snapshot:
        return self.now()

    async def status(self) -> dict[str, Any]:
        return {}


def record(run: str = "run-1", **more: Any) -> RunRecord:
    epochs = (EpochRecord(epoch=3, first_event=0, parameters={"gain": 2}),)
    return RunRecord(**{"run": run, "started": 1_700_000_000.0, "epochs": epochs, **more})


def summing(version: int, size: int = 20_000) -> dict[str, Any]:
    """Arrays that, each of them, sum to the version."""
    values = np.zeros(size)
    values[: version % size] = 1
    values[0] += version - values.sum()
    return {"first": values, "second": values.reshape(10, -1).astype(np.float32), "version": version}


def until(condition: Callable[[], Any], keeper: Keeper | None = None, timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited in vain; the status is {keeper.status() if keeper else None}")
        time.sleep(0.005)

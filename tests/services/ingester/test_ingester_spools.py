"""An ingester that writes ahead dies after any message: the next one has all that it had, and the result is as if nothing had been."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beamloom.services.ingester.service import IngesterService
from beamloom.triggermap import TriggerMap
from services.bench import Bench, series
from services.ingester.test_ingester_deaths import FRAMES, MAPS, SOON, Device, check, oracle
from services.moments import Moments, at_moments

pytestmark = pytest.mark.usefixtures("frames_count_alone")

SETTINGS: dict[str, dict[str, Any]] = {
    "written ahead": {},
    "written ahead and spilled": {"retention_bytes": 4, "on_full": "spill"},
}


class Pipeline:
    """Two devices that wait for their ingesters, which write ahead."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.devices = {stream: Device(series(FRAMES)) for stream in ("a", "b")}
        self.bench = Bench({}, settings=SOON)
        self.unread = 0
        """Packets that died in the connection of an ingester, before it read them, or while they waited for those before them."""
        self._settings = {"state_dir": str(folder), "write_ahead": True, **settings}
        for stream in self.devices:
            self.start(stream)
        self.bench.until(self.bench.everyone_known)

    def start(self, stream: str) -> None:
        self.bench.add_ingester(stream, self.devices[stream].source_for_run(), **self._settings)

    def kill(self, stream: str) -> None:
        """Nothing is closed or told; the system lets go of the locks of the process."""
        service = self.bench.services[f"{stream}-ingester"]
        assert isinstance(service, IngesterService)
        lock = service._spooling._lock
        source = self.devices[stream].source
        self.unread += 0 if source is None else len(source.arrivals)
        self.unread += sum(len(one.reorder) for one in service._streams.values())
        self.devices[stream].source = None
        self.bench.kill(f"{stream}-ingester")
        if lock is not None:
            lock.release()

    def step(self) -> None:
        for device in self.devices.values():
            device.send(3)
        self.bench.step()


def play(pipeline: Pipeline, trigger_map: TriggerMap, kills: set[int]) -> int:
    """Play a run, in which the ingester of stream a is killed after so many messages to it or from it; returns how many there were."""
    bench = pipeline.bench
    seen = 0

    def tap(name: str, received: Any) -> bool:
        nonlocal seen
        seen += name == "a-ingester" or received.sender.startswith("a-ingester")
        return True

    bench.arm(trigger_map)
    bench.tap = tap
    back_at: int | None = None
    left = sorted(kills)
    for step in range(20_000):
        if left and seen >= left[0] and back_at is None:
            pipeline.kill("a")
            back_at = step + 1 + left.pop(0) % 7
        if step == back_at:
            pipeline.start("a")
            back_at = None
        if bench.active.finished:
            return seen
        pipeline.step()
    raise AssertionError(f"killed after {kills}: the run does not end: {bench.active.run.ledger.counts()}")


@at_moments
@pytest.mark.parametrize("settings", sorted(SETTINGS))
@pytest.mark.parametrize("name", sorted(MAPS))
def test_nothing_is_lost_with_an_ingester_that_writes_ahead(
    tmp_path: Path, name: str, settings: str, moments: Moments
) -> None:
    expected = oracle(MAPS[name]())
    whole = Pipeline(tmp_path / "whole", SETTINGS[settings])
    total = play(whole, MAPS[name](), set())
    assert check(whole.bench, expected) == 0
    whole.bench.close()
    for after in moments(1, total, 3):
        pipeline = Pipeline(tmp_path / str(after), SETTINGS[settings])
        play(pipeline, MAPS[name](), {after, after + total // 3})
        lost = check(pipeline.bench, expected)
        # The packet that closes an open-ended series has no event before all series are closed, and is in no spool until then.
        assert lost <= pipeline.unread + (name == "open-ended"), (
            f"killed after {after} messages",
            pipeline.bench.active.run.ledger.losses,
        )
        pipeline.bench.close()

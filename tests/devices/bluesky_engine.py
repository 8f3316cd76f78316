"""A real RunEngine with simulated ophyd-async devices, in this process; and plans that count, scan and fly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
from bluesky.run_engine import RunEngine
from ophyd_async.core import StaticFilenameProvider, StaticPathProvider, TriggerInfo, init_devices
from ophyd_async.sim import PatternGenerator, SimBlobDetector, SimMotor


class Hutch:
    """The devices, and what can be done with them."""

    def __init__(self, engine: RunEngine, folder: Path) -> None:
        self.engine = engine
        pattern = PatternGenerator()  # type: ignore[no-untyped-call]

        def detector(name: str) -> SimBlobDetector:
            return SimBlobDetector(
                StaticPathProvider(StaticFilenameProvider(name), folder), pattern, name=name
            )

        with init_devices():
            self.det, self.other = detector("det"), detector("other")
            self.motor = SimMotor(name="motor", instant=True)

    def count(self, points: int) -> None:
        """A step scan whose data are in files only."""
        self.engine(bp.count([self.det], num=points))

    def scan(self, points: int) -> None:
        """A step scan with a motor, and with a baseline."""
        plan = bp.scan([self.det], self.motor, 0, points - 1, points)
        self.engine(bpp.baseline_wrapper(plan, [self.motor]))  # type: ignore[no-untyped-call]

    def fly(self, frames: int, stream_name: str = "primary") -> None:
        """Two detectors that are started once and write ``frames`` frames by themselves, with a baseline."""
        detectors = [self.det, self.other]

        @bpp.baseline_decorator([self.motor])  # type: ignore[untyped-decorator]
        @bpp.stage_decorator(detectors)  # type: ignore[untyped-decorator]
        @bpp.run_decorator()  # type: ignore[untyped-decorator]
        def plan() -> Iterator[Any]:
            for one in detectors:
                info = TriggerInfo(number_of_events=frames, livetime=0.002, deadtime=0.001)
                yield from bps.prepare(one, info, wait=True)
            yield from bps.declare_stream(*detectors, name=stream_name, collect=True)
            yield from bps.kickoff_all(*detectors, wait=True)
            yield from bps.collect_while_completing(
                flyers=detectors, dets=detectors, stream_name=stream_name, flush_period=0.01
            )

        self.engine(plan())


@contextmanager
def hutch(folder: Path, subscriber: Callable[..., object]) -> Iterator[Hutch]:
    """An engine whose documents go to ``subscriber``; its thread ends with the context."""
    engine = RunEngine({})
    try:
        engine.subscribe(subscriber)  # type: ignore[no-untyped-call]
        yield Hutch(engine, folder)
    finally:
        engine._loop.call_soon_threadsafe(engine._loop.stop)
        engine._th.join()
        engine._loop.close()

"""Scans of a RunEngine, and pipelines that analyse them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeAlias

import bluesky.plan_stubs as bps
from bluesky.utils import Msg

from beamloom.control.bluesky import LiveAnalysis
from devices.bluesky_engine import Hutch
from live.pipelines import Live, running
from support.patience import PATIENCE

ANALYSES = Path(__file__).parent / "analyses"
Plan: TypeAlias = Generator[Msg, Any, Any]
Documents: TypeAlias = list[tuple[str, dict[str, Any]]]


def pipeline_of(publish: str, **more: Any) -> Any:
    streams = {"scan": {"device": "bluesky", "url": publish}}
    return running(streams, worker="rows:Worker", reducer="rows:Reducer", analysis=ANALYSES, **more)


def analysed(live: LiveAnalysis, pipeline: Live, *, stopped: bool = False) -> dict[int, Any]:
    """Wait for the end of the run; returns its rows by event.

    Of a run that was ``stopped`` what was on its way then may be lost, such as its end.
    """
    assert live.wait(PATIENCE), pipeline.state()
    progress = pipeline.progress()
    assert (progress["run"], progress["finished"], progress["failed"]) == (live.run, True, 0), progress
    assert stopped or progress["lost"] == 0, progress
    rows: dict[int, Any] = pipeline.published()["rows"]
    return rows


def of_kind(documents: Documents, kind: str) -> list[dict[str, Any]]:
    return [document for name, document in documents if name == kind]


def stepping(made: Hutch, points: int, acts: dict[int, Callable[[], None]], *, close: bool = True) -> Plan:
    """A scan of the motor; before point n, ``acts[n]`` is called."""
    yield from bps.open_run()
    for point in range(points):
        acts.get(point, lambda: None)()
        yield from bps.mv(made.motor, point)
        yield from bps.trigger_and_read([made.motor])
    if close:
        yield from bps.close_run()

"""The run that a scan needs: its streams and its trigger map.

The streams are those that are named as the detectors of the scan, those that are named besides, and those of the record: what the scan
software itself sends, one packet for each point. A scan that knows its points gets a run of that length, another one a run that goes on
until the scan ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from beamloom.client import Pipeline
from beamloom.errors import MapRefused
from beamloom.triggermap import TriggerMap, burst, open_ended, uniform

TIMEOUT = 10.0
"""Longest wait of a scan for an answer of the pipeline, in seconds."""
LOOK_SECONDS = 0.1
"""Between two looks at a run."""
LAST_SECONDS = 5.0
"""Longest wait, at the end of a scan that was not through, for the last packets of its points."""


@dataclass(frozen=True)
class KnownStreams:
    """What the ingesters of a pipeline receive."""

    names: frozenset[str]
    records: frozenset[str]
    """Those of the record: one packet for each point of a scan."""

    @classmethod
    def of(cls, pipeline: Pipeline, record_device: str) -> KnownStreams:
        """Ask the controller; the record comes over streams of ``record_device``."""
        devices: dict[str, str] = {}
        for ingester in pipeline.processes()["ingesters"]:
            devices |= ingester["devices"]
        records = (stream for stream, device in devices.items() if device == record_device)
        return cls(frozenset(devices), frozenset(records))


def streams_of_scan(
    detectors: Iterable[str], more: Iterable[str], known: KnownStreams, to_name: str
) -> list[str]:
    """The streams that take part. Raises MapRefused where there are none but the record, or one in ``more`` is unknown.

    ``to_name`` is how somebody names streams besides, an example.
    """
    detectors, more = list(detectors), list(more)
    there = ", ".join(sorted(known.names)) or "none"
    unknown = sorted({*more} - known.names)
    if unknown:
        raise MapRefused(
            f"{unknown[0]!r} is named as a stream of the scan, and is no stream of the pipeline: there are {there}",
            400,
        )
    measured = {*detectors, *more} & known.names
    if not measured:
        raise MapRefused(
            f"none of the detectors of this scan ({', '.join(detectors) or 'none'}) is named as a stream of the pipeline ({there}); "
            f"name them alike, or name the streams that take part: {to_name}",
            400,
        )
    return sorted(measured | known.records)


def map_of_scan(
    streams: Sequence[str], records: frozenset[str], points: int | None, frames: int
) -> TriggerMap:
    """The trigger map of a scan with ``frames`` frames of each detector at each of ``points`` points; None: nobody knows how many.

    Raises MapRefused for a number of frames that is none.
    """
    if frames < 1:
        raise MapRefused(
            f"{frames} frames of each detector at each point are none; say how many there are, at least 1",
            400,
        )
    slow = [stream for stream in streams if stream in records]
    if points is None:
        return open_ended(streams, every=dict.fromkeys(slow, frames))
    if frames == 1:
        return uniform(streams, points)
    return burst(streams, points, frames, slow)


def end_run(pipeline: Pipeline, run: str, measured: int, *, through: bool) -> bool:
    """End the run of a scan that is over, where that does not end by itself; says whether it was told to.

    It does where the scan is ``through`` all its points, and their number was known. A run that is stopped loses what has not arrived yet:
    what was measured may be on its way still, so it is waited until the start and the ``measured`` events after it are settled.
    """
    latest = time.monotonic() + LAST_SECONDS
    while (progress := pipeline.progress()).run == run and not progress.finished:
        if through and progress.total_events is not None:
            return False
        if progress.completed_events > measured or time.monotonic() >= latest:
            pipeline.stop()
            return True
        time.sleep(LOOK_SECONDS)
    return False

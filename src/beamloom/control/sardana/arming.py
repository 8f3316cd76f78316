"""The run that a scan needs: its streams and its trigger map. Nothing here needs Sardana.

The streams are those that are named as the enabled channels of the measurement group, those that are named in ``BeamloomStreams``, and
those that Sardana's recorder posts to. A scan that knows its points gets a run of that length, another one a run that goes on
until the scan ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from beamloom.client import Pipeline
from beamloom.errors import MapRefused
from beamloom.triggermap import TriggerMap, burst, open_ended, uniform

RECORD_DEVICE = "sardana"
"""The device of a stream that the recorder posts to."""
LOOK_SECONDS = 0.1
"""Between two looks at a run."""


@dataclass(frozen=True)
class KnownStreams:
    """What the ingesters of a pipeline receive."""

    names: frozenset[str]
    records: frozenset[str]
    """Those that Sardana's recorder posts to: one packet for each point of a scan."""

    @classmethod
    def of(cls, pipeline: Pipeline) -> KnownStreams:
        """Ask the controller."""
        devices: dict[str, str] = {}
        for ingester in pipeline.processes()["ingesters"]:
            devices |= ingester["devices"]
        records = (stream for stream, device in devices.items() if device == RECORD_DEVICE)
        return cls(frozenset(devices), frozenset(records))


def streams_of_scan(channels: Iterable[str], more: Iterable[str], known: KnownStreams) -> list[str]:
    """The streams that take part. Raises MapRefused where there are none but the record, or one in ``more`` is unknown."""
    channels, more = list(channels), list(more)
    there = ", ".join(sorted(known.names)) or "none"
    unknown = sorted({*more} - known.names)
    if unknown:
        raise MapRefused(
            f"BeamloomStreams names {unknown[0]!r}, which is no stream of the pipeline: there are {there}",
            400,
        )
    measured = {*channels, *more} & known.names
    if not measured:
        raise MapRefused(
            f"no enabled channel of the measurement group ({', '.join(channels) or 'none'}) is named as a stream of the pipeline "
            f"({there}); name them alike, or name the streams that take part: senv BeamloomStreams \"['eiger']\"",
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
            f"BeamloomBurst is {frames}; it is the number of frames at each point, at least 1", 400
        )
    slow = [stream for stream in streams if stream in records]
    if points is None:
        return open_ended(streams, every=dict.fromkeys(slow, frames))
    if frames == 1:
        return uniform(streams, points)
    return burst(streams, points, frames, slow)


def wait_for_events(pipeline: Pipeline, run: str, measured: int, seconds: float) -> bool:
    """Wait until the start and so many events after it are settled, the run is another one, or the time is over; says whether they are.

    A run that is stopped loses what has not arrived yet: what a scan has measured may be on its way still.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        progress = pipeline.progress()
        if progress.run != run or progress.finished or progress.completed_events > measured:
            return progress.completed_events > measured
        time.sleep(LOOK_SECONDS)
    return False

"""A stream on a port of its own, and hits to offer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from apps.crystallography.streaming.clients import numbered
from beamloom.apps.crystallography import Peaks
from beamloom.apps.crystallography.streaming import FrameInfo, HitStream, StreamSettings
from support.patience import PATIENCE
from support.ports import quiet_address

PEAKS = Peaks(
    fs=np.array([1.5, 20.0], np.float32),
    ss=np.array([2.25, 3.0], np.float32),
    intensity=np.array([100.0, 250.5], np.float32),
    num_pixels=np.array([3, 5], np.int32),
    max_pixel_intensity=np.array([60.0, 99.0], np.float32),
    snr=np.array([7.5, 12.0], np.float32),
)


def info(number: int) -> FrameInfo:
    return FrameInfo(
        event_id=f"run-1 // {number:04}",
        timestamp=1_700_000_000.25 + number,
        beam_energy=12_400.0,
        detector_distance=150.5,
        source="stream eiger",
        configuration_file="/site/monitor.yaml",
    )


def offer(stream: HitStream, *numbers: int, shape: tuple[int, int] = (16, 24)) -> None:
    for number in numbers:
        assert stream.offer(number, numbered(number, shape), PEAKS, info(number))


@contextmanager
def streaming(**settings: Any) -> Iterator[HitStream]:
    stream = HitStream(StreamSettings(**{"address": f"tcp://{quiet_address()}", **settings}))
    try:
        stream.begin("run-1")
        yield stream
    finally:
        stream.close()


def settle(stream: HitStream) -> None:
    assert stream.wait_until_settled(PATIENCE), f"{stream.statistics()}, {stream.failure}"

"""Hits for programs beside: CrystFEL and others ask for them by ZeroMQ, and each hit goes to one of them."""

from beamloom.apps.crystallography.streaming.counts import Counts
from beamloom.apps.crystallography.streaming.hitmessage import FrameInfo, PeakList, hit_message
from beamloom.apps.crystallography.streaming.settings import Pixels, StreamError, StreamSettings, WhenFull
from beamloom.apps.crystallography.streaming.stream import HitStream

__all__ = [
    "Counts",
    "FrameInfo",
    "HitStream",
    "PeakList",
    "Pixels",
    "StreamError",
    "StreamSettings",
    "WhenFull",
    "hit_message",
]

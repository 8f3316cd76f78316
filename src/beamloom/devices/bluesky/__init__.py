"""Bluesky as a device: the documents of its scans."""

from beamloom.devices.bluesky.device import (
    DEVICE,
    BlueskyEvent,
    BlueskyPacket,
    BlueskySettings,
    BlueskyStart,
    BlueskyStop,
    DocumentPublisher,
    generate,
    parse,
    source,
)
from beamloom.devices.bluesky.documents import TYP

__all__ = [
    "DEVICE",
    "TYP",
    "BlueskyEvent",
    "BlueskyPacket",
    "BlueskySettings",
    "BlueskyStart",
    "BlueskyStop",
    "DocumentPublisher",
    "generate",
    "parse",
    "source",
]

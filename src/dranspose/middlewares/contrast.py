"""The parser of contrast packets, by the name of existing analyses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamloom.devices import contrast as contrast_device
from beamloom.events import Packet
from dranspose.data.contrast import (
    ContrastFinished,
    ContrastHeartbeat,
    ContrastPacket,
    ContrastRunning,
    ContrastStarted,
)

_NAMES: Mapping[type[Any], type[ContrastPacket]] = {
    contrast_device.ContrastStarted: ContrastStarted,
    contrast_device.ContrastRunning: ContrastRunning,
    contrast_device.ContrastFinished: ContrastFinished,
    contrast_device.ContrastHeartbeat: ContrastHeartbeat,
}


def parse(data: Packet) -> ContrastPacket:
    """The packet as an object of ``dranspose.data.contrast``. Raises MalformedPacket."""
    parsed = contrast_device.parse(data)
    return _NAMES[type(parsed)](**dict(parsed))

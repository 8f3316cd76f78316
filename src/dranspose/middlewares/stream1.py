"""The parser of STINS (stream1) packets, by the name of existing analyses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamloom.devices import stins as stins_device
from beamloom.events import Packet
from dranspose.data.stream1 import Stream1Data, Stream1End, Stream1Packet, Stream1Start

_NAMES: Mapping[type[Any], type[Stream1Packet]] = {
    stins_device.Stream1Start: Stream1Start,
    stins_device.Stream1Data: Stream1Data,
    stins_device.Stream1End: Stream1End,
}


def parse(data: Packet) -> Stream1Packet:
    """The packet as an object of ``dranspose.data.stream1``. Raises MalformedPacket."""
    parsed = stins_device.parse(data)
    return _NAMES[type(parsed)](**dict(parsed))

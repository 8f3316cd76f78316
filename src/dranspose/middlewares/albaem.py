"""The parser of AlbaEM packets; existing analyses had none and read the JSON themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamloom.devices import albaem as albaem_device
from beamloom.events import Packet
from dranspose.data.albaem import AlbaemData, AlbaemEnd, AlbaemPacket, AlbaemStart

_NAMES: Mapping[type[Any], type[AlbaemPacket]] = {
    albaem_device.AlbaemStart: AlbaemStart,
    albaem_device.AlbaemData: AlbaemData,
    albaem_device.AlbaemEnd: AlbaemEnd,
}


def parse(data: Packet) -> AlbaemPacket:
    """The packet as an object of ``dranspose.data.albaem``. Raises MalformedPacket."""
    parsed = albaem_device.parse(data)
    return _NAMES[type(parsed)](**dict(parsed))

"""The parser of Sardana's packets, by the name of existing analyses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamloom.devices import sardana as sardana_device
from beamloom.events import Packet
from dranspose.data.sardana import (
    SardanaDataDescription,
    SardanaPacket,
    SardanaRecordData,
    SardanaRecordEnd,
)

_NAMES: Mapping[type[Any], type[SardanaPacket]] = {
    sardana_device.SardanaDataDescription: SardanaDataDescription,
    sardana_device.SardanaRecordData: SardanaRecordData,
    sardana_device.SardanaRecordEnd: SardanaRecordEnd,
}


def parse(data: Packet) -> SardanaPacket:
    """The packet as an object of ``dranspose.data.sardana``. Raises MalformedPacket."""
    parsed = sardana_device.parse(data)
    return _NAMES[type(parsed)](**dict(parsed))

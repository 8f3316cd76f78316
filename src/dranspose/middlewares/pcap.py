"""The parser of position capture over ZeroMQ, by the name of existing analyses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamloom.devices import pcap as pcap_device
from beamloom.events import Packet
from dranspose.data.pcap import PCAPData, PCAPEnd, PCAPPacket, PCAPStart

_NAMES: Mapping[type[Any], type[PCAPPacket]] = {
    pcap_device.PCAPStart: PCAPStart,
    pcap_device.PCAPData: PCAPData,
    pcap_device.PCAPEnd: PCAPEnd,
}


def parse(data: Packet) -> PCAPPacket:
    """The packet as an object of ``dranspose.data.pcap``. Raises MalformedPacket."""
    parsed = pcap_device.parse(data)
    return _NAMES[type(parsed)](**dict(parsed))

"""The parser of LeCroy packets, by the name of existing analyses."""

from __future__ import annotations

from beamloom.devices import lecroy as lecroy_device
from beamloom.events import Packet
from dranspose.data.lecroy import LecroyData, LecroyEnd, LecroyPacket, LecroyParsed, LecroyPrepare


def parse(data: Packet) -> LecroyPacket:
    """The packet as an object of ``dranspose.data.lecroy``. Raises MalformedPacket."""
    parsed = lecroy_device.parse(data)
    if isinstance(parsed, lecroy_device.LecroyParsed):
        meta = [LecroyData(**dict(each)) for each in parsed.meta]
        return LecroyParsed(**{**dict(parsed), "meta": meta})
    made = LecroyPrepare if isinstance(parsed, lecroy_device.LecroyPrepare) else LecroyEnd
    return made(**dict(parsed))

"""LeCroy oscilloscopes as a device."""

from beamloom.devices.lecroy.device import (
    DEVICE,
    LecroyData,
    LecroyEnd,
    LecroyPacket,
    LecroyParsed,
    LecroyPrepare,
    LecroySettings,
    generate,
    parse,
    source,
)
from beamloom.devices.lecroy.sequences import TYP

__all__ = [
    "DEVICE",
    "TYP",
    "LecroyData",
    "LecroyEnd",
    "LecroyPacket",
    "LecroyParsed",
    "LecroyPrepare",
    "LecroySettings",
    "generate",
    "parse",
    "source",
]

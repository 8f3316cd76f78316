"""areaDetectors over EPICS PV Access as a device."""

from beamloom.devices.pva.device import (
    DEVICE,
    TYP,
    NeedsEpics,
    NTNDArrayData,
    NTNDArrayEnd,
    NTNDArrayPacket,
    NTNDArrayReader,
    NTNDArrayStart,
    PvaSettings,
    PvaSource,
    parse,
    source,
)
from beamloom.devices.pva.simulator import generate

__all__ = [
    "DEVICE",
    "TYP",
    "NTNDArrayData",
    "NTNDArrayEnd",
    "NTNDArrayPacket",
    "NTNDArrayReader",
    "NTNDArrayStart",
    "NeedsEpics",
    "PvaSettings",
    "PvaSource",
    "generate",
    "parse",
    "source",
]

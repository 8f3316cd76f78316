"""areaDetectors over EPICS PV Access as a device."""

from beamloom.devices.pva.device import DEVICE, source
from beamloom.devices.pva.monitor import NeedsEpics, PvaSettings, PvaSource
from beamloom.devices.pva.packets import (
    TYP,
    NTNDArrayData,
    NTNDArrayEnd,
    NTNDArrayPacket,
    NTNDArrayStart,
    parse,
)
from beamloom.devices.pva.reader import NTNDArrayReader
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

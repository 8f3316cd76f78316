"""Sardana as a device: the scans that its recorder posts."""

from beamloom.devices.sardana.device import DEVICE, LISTENERS, source
from beamloom.devices.sardana.listening import SardanaSettings, SardanaSource
from beamloom.devices.sardana.packets import (
    BROKEN_OFF,
    TYP,
    SardanaDataDescription,
    SardanaPacket,
    SardanaRecordData,
    SardanaRecordEnd,
    parse,
)
from beamloom.devices.sardana.posts import take_post
from beamloom.devices.sardana.simulator import SardanaRecorder, generate

__all__ = [
    "BROKEN_OFF",
    "DEVICE",
    "LISTENERS",
    "TYP",
    "SardanaDataDescription",
    "SardanaPacket",
    "SardanaRecordData",
    "SardanaRecordEnd",
    "SardanaRecorder",
    "SardanaSettings",
    "SardanaSource",
    "generate",
    "parse",
    "source",
    "take_post",
]

"""Sardana as a device: the scans that its recorder posts."""

from beamloom.devices.sardana.device import (
    BROKEN_OFF,
    DEVICE,
    LISTENERS,
    TYP,
    SardanaDataDescription,
    SardanaPacket,
    SardanaRecordData,
    SardanaRecordEnd,
    SardanaRecorder,
    SardanaSettings,
    SardanaSource,
    generate,
    parse,
    source,
    take_post,
)

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

"""A folder of image files as a device."""

from beamloom.devices.image_files.device import (
    DEVICE,
    TYP,
    ImageFile,
    ImageFileEnd,
    ImageFilePacket,
    ImageFilesSettings,
    ImageFileStart,
    NeedsFabio,
    parse,
    source,
)
from beamloom.devices.image_files.simulator import generate

__all__ = [
    "DEVICE",
    "TYP",
    "ImageFile",
    "ImageFileEnd",
    "ImageFilePacket",
    "ImageFileStart",
    "ImageFilesSettings",
    "NeedsFabio",
    "generate",
    "parse",
    "source",
]

"""A folder of image files as a device."""

from beamloom.devices.image_files.decoding import NeedsFabio
from beamloom.devices.image_files.device import DEVICE, source
from beamloom.devices.image_files.packets import (
    TYP,
    ImageFile,
    ImageFileEnd,
    ImageFilePacket,
    ImageFileStart,
    parse,
)
from beamloom.devices.image_files.settings import ImageFilesSettings
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

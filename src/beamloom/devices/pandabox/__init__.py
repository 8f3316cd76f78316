"""PandABoxes over TCP as a device."""

from beamloom.devices.pandabox.device import (
    DEVICE,
    TYPS,
    PandaboxSettings,
    PandaEnd,
    PandaPacket,
    PandaParser,
    PandaRow,
    PandaStart,
    generate,
    parse,
    source,
)
from beamloom.devices.pandabox.stream import TYP

__all__ = [
    "DEVICE",
    "TYP",
    "TYPS",
    "PandaEnd",
    "PandaPacket",
    "PandaParser",
    "PandaRow",
    "PandaStart",
    "PandaboxSettings",
    "generate",
    "parse",
    "source",
]

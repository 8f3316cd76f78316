"""The parser of Xspress3 packets, by the name of existing analyses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamloom.devices import xspress3 as xspress3_device
from beamloom.events import Packet
from dranspose.data.xspress3 import XspressEnd, XspressImage, XspressPacket, XspressStart

_NAMES: Mapping[type[Any], type[XspressPacket]] = {
    xspress3_device.XspressStart: XspressStart,
    xspress3_device.XspressImage: XspressImage,
    xspress3_device.XspressEnd: XspressEnd,
}


def parse(data: Packet) -> XspressPacket:
    """The packet as an object of ``dranspose.data.xspress3``. Raises MalformedPacket."""
    parsed = xspress3_device.parse(data)
    return _NAMES[type(parsed)](**dict(parsed))

"""The packets of DECTRIS stream version 1 by the names of existing analyses."""

from __future__ import annotations

from typing import ClassVar

from beamloom.devices import dectris_v1
from dranspose.data._packets import PacketFields


class EigerLegacyHeader(PacketFields, dectris_v1.DectrisV1Start):
    """The start of a series: ``info`` is the detector's configuration."""

    DEFAULTS: ClassVar = {"htype": "dheader-1.0", "info": {}, "appendix": None, "tables": {}}


class EigerLegacyImage(PacketFields, dectris_v1.DectrisV1Image):
    """One image: ``data`` describes its pixels, ``data["buffer"]`` are the bytes as sent, ``array`` the pixels."""

    DEFAULTS: ClassVar = {"htype": "dimage-1.0"}


class EigerLegacyEnd(PacketFields, dectris_v1.DectrisV1End):
    """The end of a series."""

    DEFAULTS: ClassVar = {"htype": "dseries_end-1.0"}


EigerLegacyPacket = EigerLegacyHeader | EigerLegacyImage | EigerLegacyEnd

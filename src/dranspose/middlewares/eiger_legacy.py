"""The parser of DECTRIS stream version 1, by the name of existing analyses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamloom.devices import dectris_v1
from beamloom.events import Packet
from dranspose.data.eiger_legacy import (
    EigerLegacyEnd,
    EigerLegacyHeader,
    EigerLegacyImage,
    EigerLegacyPacket,
)

_NAMES: Mapping[type[Any], type[EigerLegacyPacket]] = {
    dectris_v1.DectrisV1Start: EigerLegacyHeader,
    dectris_v1.DectrisV1Image: EigerLegacyImage,
    dectris_v1.DectrisV1End: EigerLegacyEnd,
}


def parse(data: Packet) -> EigerLegacyPacket:
    """The packet as an object of ``dranspose.data.eiger_legacy``. Raises MalformedPacket."""
    parsed = dectris_v1.parse(data)
    fields = dict(parsed)
    if isinstance(parsed, dectris_v1.DectrisV1Image):
        # Existing analyses cut the first bytes off, which only bytes allow.
        fields["data"] = {**parsed.data, "buffer": bytes(parsed.data["buffer"])}
    return _NAMES[type(parsed)](**fields)

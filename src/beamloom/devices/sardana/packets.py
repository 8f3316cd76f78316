"""What the packets of Sardana are to an analysis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.events import Packet, PacketKind

TYP = "sardana"


class SardanaDataDescription(Fields):
    """A scan begins."""

    packet_kind = PacketKind.START

    serialno: int
    """The number of the scan."""
    scandir: str
    title: str
    """The command that was typed."""
    column_desc: list[dict[str, Any]]
    """For each column of the scan its name, label, type and shape."""
    ref_moveables: list[str]
    """The motors that are scanned."""


class SardanaRecordData(Fields):
    """One point of a scan: a field for each motor and each channel.

    Channels are named by their Tango address: ``dict(packet)["tango://..."]``.
    """

    timestamp: float
    """Seconds since the scan began."""
    point_nb: int


class SardanaRecordEnd(Fields):
    """A scan has ended."""

    packet_kind = PacketKind.END

    endtime: str
    deadtime: float
    """Percent of the time in which nothing was measured."""
    interrupted: bool
    """Only there, and true, when the scan was never ended: another one began."""


SardanaPacket = SardanaDataDescription | SardanaRecordData | SardanaRecordEnd

CLASSES: Final[Mapping[str, type[SardanaPacket]]] = {
    "DataDescription": SardanaDataDescription,
    "RecordData": SardanaRecordData,
    "RecordEnd": SardanaRecordEnd,
}
"""The packets by the entry ``type`` of their objects."""
BROKEN_OFF: Final = Packet(TYP, [b'{"type":"RecordEnd","interrupted":true}'], None, PacketKind.END)
"""The end of a scan that was never ended."""


def parse(packet: RawPacket) -> SardanaPacket:
    """The packet as objects. Raises MalformedPacket."""
    fields, _ = read_object(frames_of(packet, TYP)[0])
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in CLASSES:
        raise MalformedPacket(f"the packet has the type {kind!r}; known are {', '.join(CLASSES)}")
    return CLASSES[kind](**fields)


def read_object(body: Any) -> tuple[dict[str, Any], bool]:
    """The posted object, and whether it is JSON by the standard: Python's own writes NaN too. Raises MalformedPacket."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any]), True
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        fields = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise MalformedPacket(f"the post is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise MalformedPacket(f"the post holds a {type(fields).__name__}, not an object with named entries")
    return fields, False

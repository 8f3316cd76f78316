"""The packets of a PandABox over TCP by the names of existing analyses."""

from __future__ import annotations

from datetime import UTC
from typing import Any, ClassVar

from beamloom.devices import pandabox
from beamloom.devices.fields import Fields
from beamloom.devices.pandabox.stream import TYP
from beamloom.events import Packet, PacketKind
from dranspose.data._packets import PacketFields


class PositionCapField(Fields):
    """One field of a row: ``name`` is block, signal and capture, ``value`` a number in rows and None in a header."""

    name: str
    type: str
    value: Any


class PositionCapStart(PacketFields):
    """The box has been armed, at ``arm_time``: UTC, without a time zone, as analyses compare it."""

    packet_kind = PacketKind.START

    arm_time: Any

    def to_stream_data(self) -> Packet:
        """A header as the box would have sent it; ``fields``, where given, name what rows hold."""
        fields = self.fields if "fields" in self else []
        moment = self.arm_time.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines = [f"arm_time: {moment}", "missed: 0", "process: Scaled", "format: ASCII", "fields:"]
        for field in fields or [PositionCapField(name="PCAP.TS_TRIG.Value", type="double", value=None)]:
            name, _, capture = field.name.rpartition(".")
            lines.append(f" {name} {field.type} {capture} scale: 1 offset: 0 units: ")
        frame = ("\n".join(lines) + "\n\n").encode()
        return Packet(TYP, [frame], kind=PacketKind.START)


class PositionCapValues(PacketFields):
    """One row: ``fields["INENC2.VAL.Mean"].value``."""

    DEFAULTS: ClassVar = {"fields": {}}

    fields: dict[str, PositionCapField]

    def to_stream_data(self) -> Packet:
        """A row as the box would have sent it."""
        row = "".join(f" {field.value}" for field in self.fields.values()) + "\n"
        return Packet(TYP, [row.encode()])


class PositionCapEnd(PacketFields, pandabox.PandaEnd):
    """The box has been disarmed."""

    DEFAULTS: ClassVar = {"samples": 0, "reason": "Disarmed"}

    def to_stream_data(self) -> Packet:
        """The line as the box would have sent it."""
        frame = f"END {self.samples} {self.reason}\n".encode()
        return Packet(TYP, [frame], kind=PacketKind.END)


PositionCapPacketType = PositionCapStart | PositionCapValues | PositionCapEnd

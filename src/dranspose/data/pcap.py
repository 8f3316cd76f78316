"""The packets of position capture over ZeroMQ by the names of existing analyses."""

from __future__ import annotations

from typing import ClassVar

from beamloom.devices import pcap
from beamloom.events import Packet, PacketKind
from dranspose.data._packets import PacketFields


def _packet(made: PacketFields, kind: PacketKind) -> Packet:
    return Packet(pcap.TYP, [made.model_dump_json().encode()], kind=kind)


class PCAPStart(PacketFields, pcap.PCAPStart):
    """The box has been armed."""

    DEFAULTS: ClassVar = {"message_id": 0, "message_type": "series-start", "version": 1}

    def to_stream_data(self) -> Packet:
        """The packet that the device would have sent."""
        return _packet(self, PacketKind.START)


class PCAPData(PacketFields, pcap.PCAPData):
    """One row: a field for each column."""

    DEFAULTS: ClassVar = {"message_id": 0, "message_type": "data", "version": 1}

    def to_stream_data(self) -> Packet:
        """The packet of one row."""
        return _packet(self, PacketKind.DATA)


class PCAPEnd(PacketFields, pcap.PCAPEnd):
    """The box has been disarmed."""

    DEFAULTS: ClassVar = {"message_id": 0, "message_type": "series-end", "version": 1}

    def to_stream_data(self) -> Packet:
        """The packet that the device would have sent."""
        return _packet(self, PacketKind.END)


PCAPPacket = PCAPStart | PCAPData | PCAPEnd

"""The packets of AlbaEM by the names of existing analyses."""

from __future__ import annotations

from typing import Any, ClassVar

from beamloom.devices import albaem
from beamloom.events import Packet, PacketKind
from dranspose.data._packets import PacketFields


def _packet(made: PacketFields, kind: PacketKind) -> Packet:
    return Packet(albaem.TYP, [made.model_dump_json().encode()], kind=kind)


class AlbaemStart(PacketFields, albaem.AlbaemStart):
    """A series of measurements begins."""

    DEFAULTS: ClassVar = {"version": 1, "message_type": "series-start", "message_id": 0}

    def to_stream_data(self) -> Packet:
        """The packet that the electrometer would have sent."""
        return _packet(self, PacketKind.START)


class AlbaemData(PacketFields, albaem.AlbaemData):
    """One measurement: ``channel1`` to ``channel4`` in ampere."""

    DEFAULTS: ClassVar = {"version": 1, "message_type": "data", "message_id": 0}

    def to_stream_data(self) -> Packet:
        """The packet that the electrometer would have sent."""
        return _packet(self, PacketKind.DATA)


class AlbaemEnd(PacketFields, albaem.AlbaemEnd):
    """The series has ended."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "version": 1,
        "message_type": "series-end",
        "message_id": 0,
        "detector_specific": {"read_overflow": False, "memory_overflow": False},
    }

    def to_stream_data(self) -> Packet:
        """The packet that the electrometer would have sent."""
        return _packet(self, PacketKind.END)


AlbaemPacket = AlbaemStart | AlbaemData | AlbaemEnd

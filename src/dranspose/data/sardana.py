"""The packets of Sardana by the names of existing analyses."""

from __future__ import annotations

from typing import Any, ClassVar

from beamloom.devices import sardana
from beamloom.events import Packet
from dranspose.data._packets import PacketFields


class _SardanaFields(PacketFields):
    """Fields of which some have names that are no identifiers."""

    __slots__ = ()

    DECLARED: ClassVar[frozenset[str]] = frozenset({"type"})

    @property
    def model_extra(self) -> dict[str, Any]:
        """The fields that not every scan has: its motors and channels."""
        return {name: value for name, value in self if name not in self.DECLARED}

    def to_stream_data(self) -> Packet:
        """The packet that a stream makes of Sardana's post."""
        kind = type(self).packet_kind
        return Packet(sardana.TYP, [self.model_dump_json().encode()], kind=kind)


class SardanaDataDescription(_SardanaFields, sardana.SardanaDataDescription):
    """A scan begins."""

    DEFAULTS: ClassVar = {"type": "DataDescription"}
    DECLARED: ClassVar = frozenset({"type", "serialno", "scandir", "title"})


class SardanaRecordData(_SardanaFields, sardana.SardanaRecordData):
    """One point of a scan."""

    DEFAULTS: ClassVar = {"type": "RecordData"}
    DECLARED: ClassVar = frozenset({"type", "timestamp"})


class SardanaRecordEnd(_SardanaFields, sardana.SardanaRecordEnd):
    """A scan has ended."""

    DEFAULTS: ClassVar = {"type": "RecordEnd"}


SardanaPacket = SardanaDataDescription | SardanaRecordData | SardanaRecordEnd

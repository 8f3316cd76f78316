"""The packets of contrast by the names of existing analyses."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

from beamloom.devices import contrast
from beamloom.events import Packet, PacketKind
from dranspose.data._packets import PacketFields


def _packet(fields: dict[str, Any], kind: PacketKind) -> Packet:
    return Packet(contrast.TYP, [pickle.dumps(fields, protocol=2)], kind=kind)


class ContrastStarted(PacketFields, contrast.ContrastStarted):
    """A scan begins."""

    DEFAULTS: ClassVar = {"status": "started", "snapshot": {}}

    def to_stream_data(self) -> Packet:
        """The packet that contrast would have sent."""
        return _packet(dict(self), PacketKind.START)


class ContrastRunning(PacketFields, contrast.ContrastRunning):
    """One point of a scan: a field for each motor and each detector."""

    DEFAULTS: ClassVar = {"status": "running"}

    def to_stream_data(self) -> Packet:
        """The packet that contrast would have sent."""
        return _packet(dict(self), PacketKind.DATA)


class ContrastFinished(PacketFields, contrast.ContrastFinished):
    """A scan has come to its end, or was interrupted: ``status`` says which."""

    DEFAULTS: ClassVar = {"status": "finished", "snapshot": {}}

    def to_stream_data(self) -> Packet:
        """The packet that contrast would have sent."""
        return _packet(dict(self), PacketKind.END)


class ContrastHeartbeat(PacketFields, contrast.ContrastHeartbeat):
    """contrast is there."""

    DEFAULTS: ClassVar = {"status": "heartbeat"}


ContrastPacket = ContrastStarted | ContrastRunning | ContrastFinished | ContrastHeartbeat

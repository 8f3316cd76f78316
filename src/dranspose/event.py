"""Events, packets and results by the names of existing analyses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from beamloom.events import Event as EventData
from beamloom.events import Packet as StreamData
from beamloom.events import Result as ResultData

__all__ = ["EventData", "InternalWorkerMessage", "ResultData", "StreamData"]


def _now() -> datetime:
    return datetime.now(UTC)


class InternalWorkerMessage(msgspec.Struct):
    """The packets of one source for one event: what a source of a replay yields."""

    event_number: int
    streams: dict[str, StreamData] = {}
    created_at: datetime = msgspec.field(default_factory=_now)

    def get_all_frames(self) -> list[Any]:
        """The frames of all packets, one after the other."""
        return [frame for packet in self.streams.values() for frame in packet.frames]

"""The parser of PandABox packets, by the name of existing analyses."""

from __future__ import annotations

from datetime import datetime

from beamloom.devices import pandabox
from beamloom.events import Packet
from dranspose.data.positioncap import (
    PositionCapEnd,
    PositionCapField,
    PositionCapPacketType,
    PositionCapStart,
    PositionCapValues,
)


class PositioncapParser:
    """Parses the packets of one stream in their order.

    Rows bring their header along, so a worker that has not seen the header of an arm reads its rows all the same; for rows of
    recordings, which bring none, the last header holds.
    """

    def __init__(self) -> None:
        self._parser = pandabox.PandaParser()

    @property
    def arm_time(self) -> datetime | None:
        """When the box was last armed: UTC, without a time zone."""
        moment = self._parser.arm_time
        return moment.replace(tzinfo=None) if moment is not None else None

    @property
    def fields(self) -> list[PositionCapField]:
        """What the rows of the present arm hold."""
        layout = self._parser.layout
        columns = layout.columns if layout is not None else ()
        return [PositionCapField(name=column.label, type=column.type, value=None) for column in columns]

    def parse(self, data: Packet) -> PositionCapPacketType:
        """The packet as an object of ``dranspose.data.positioncap``. Raises MalformedPacket."""
        parsed = self._parser.parse(data)
        if isinstance(parsed, pandabox.PandaStart):
            return PositionCapStart(arm_time=self.arm_time, fields=self.fields)
        if isinstance(parsed, pandabox.PandaEnd):
            return PositionCapEnd(**dict(parsed))
        fields = {
            column.label: PositionCapField(name=column.label, type=column.type, value=value)
            for column, value in zip(parsed.columns, parsed.values.values(), strict=True)
        }
        return PositionCapValues(fields=fields)

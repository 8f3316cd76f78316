"""A trigger map in other words: a name that stands for several streams is replaced by them.

The streams take the name's place and share its column, so that nothing is copied and nothing grows with the number of events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beamloom.triggermap._map import TriggerMap
from beamloom.triggermap._model import RESERVED_PART, TriggerMapError
from beamloom.triggermap._part import Column, Part


def expand(trigger_map: TriggerMap, names: Mapping[str, Sequence[str]]) -> TriggerMap:
    """The map with each name in ``names`` replaced by the streams that it stands for; the map itself where it uses none of them.

    Raises TriggerMapError where a part gives one stream two columns, by two names or by its own and another.
    """
    if not any(stream in names for stream in trigger_map.streams):
        return trigger_map
    parts = {name: Part(_expanded(name, part, names), name=name) for name, part in trigger_map.parts.items()}
    return trigger_map.with_parts(parts)


def _expanded(part_name: str, part: Part, names: Mapping[str, Sequence[str]]) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    given_by: dict[str, str] = {}
    for written, column in part.columns.items():
        for stream in names.get(written, (written,)):
            former = given_by.setdefault(stream, written)
            # In the start and end event stand the words of all parts, all with the same cell.
            alike = part_name == RESERVED_PART and part.cell(former, 0) == column.cell(0)
            if former != written and not alike:
                raise TriggerMapError(
                    f"part {part_name!r} has cells for the stream {stream!r} twice: {_said(former, stream)} and "
                    f"{_said(written, stream)}; leave one of them out"
                )
            columns[stream] = column
    return columns


def _said(written: str, stream: str) -> str:
    return "under its own name" if written == stream else f"as a part of {written!r}"

"""What Sardana's recorder posts, made packets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.sardana.packets import CLASSES, TYP, read_object
from beamloom.devices.sardana.scans import Answer, ScanShelf
from beamloom.events import Malformed, Packet

_TYPES: Final[Mapping[str, str]] = {
    "data_desc": "DataDescription",
    "record_data": "RecordData",
    "record_end": "RecordEnd",
}
"""The entry ``type`` of what is posted, by the last part of its route."""


def _number(fields: Mapping[str, Any]) -> int | None:
    """The place of a point in its scan, 1 for the first."""
    point = fields.get("point_nb")
    if isinstance(point, float) and point.is_integer():
        point = int(point)
    if not isinstance(point, int) or isinstance(point, bool):
        return None
    if point < 0:
        raise MalformedPacket(f"the point has point_nb {point}; Sardana counts from 0")
    return point + 1


def take_post(shelf: ScanShelf, route: str, body: bytes) -> Answer:
    """Put a post on the shelf."""
    if route == "custom_data":
        return Answer(False, "custom data is part of no stream")
    if route not in _TYPES:
        known = ", ".join(f"/v1/{each}" for each in (*_TYPES, "custom_data"))
        return Answer(False, f"nothing is posted to /v1/{route}; known are {known}", 404)
    try:
        fields, standard = read_object(body or b"{}")
        number = _number(fields) if route == "record_data" else None
    except MalformedPacket as problem:
        # Whether it stood in the place of a point, the numbers of those after it tell; where there are none, it did.
        shelf.post(
            Malformed(str(problem), [body], takes_place=route == "record_data" and b'"point_nb"' not in body)
        )
        return Answer(False, str(problem), 400)
    fields = {"type": _TYPES[route], **{name: value for name, value in fields.items() if name != "type"}}
    frame = msgspec.json.encode(fields) if standard else json.dumps(fields).encode()
    return shelf.post(Packet(TYP, [frame], number, CLASSES[_TYPES[route]].packet_kind))

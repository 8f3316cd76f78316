"""Frames as STINS messages with their angles: a JSON header, and the pixels as they came, compressed or not.

The header of an image is that of the camera, with ``angle`` (degrees), ``angle_measured`` and ``encoder_time`` (seconds) added. Whoever
reads STINS reads these frames; what it does not know, it leaves alone.
"""

from __future__ import annotations

import json
import math
from typing import Any

from beamloom import Event, PacketKind
from beamloom.apps.images import Image
from beamloom.apps.tomography.angles import Angle

Message = list[bytes]


def opening_of(event: Event) -> dict[str, Any] | None:
    """What a camera has said as it opened its series; None for other events."""
    for packet in event.streams.values():
        if packet.kind is PacketKind.START:
            parsed = packet.parse()
            if hasattr(parsed, "filename"):
                return {"opening": {"filename": parsed.filename, "meta": dict(getattr(parsed, "meta", {}))}}
    return None


def frame_of(seen: Image, number: int) -> dict[str, Any]:
    """The header and the blobs of a frame as its camera sent them; of other cameras than STINS, made up."""
    blobs = getattr(seen.parsed, "blobs", None)
    if blobs is None:
        header: dict[str, Any] = {"compression": "none"}
        blobs = [seen.array.tobytes()]
    else:
        header = {
            name: value for name, value in dict(seen.parsed).items() if name not in ("blobs", "msg_number")
        }
    header |= {
        "htype": "image",
        "frame": number,
        "shape": list(seen.array.shape),
        "type": seen.array.dtype.name,
    }
    # Copied, as the memory of the frame is given back when the event is done.
    return {"header": header, "blobs": [bytes(blob) for blob in blobs]}


def image_message(frame: dict[str, Any], angle: Angle, time: float, msg_number: int) -> Message:
    """The message of a frame."""
    header = frame["header"] | {
        "angle": angle.degrees if math.isfinite(angle.degrees) else None,
        "angle_measured": angle.measured,
        "encoder_time": time if math.isfinite(time) else None,
        "msg_number": msg_number,
    }
    return [_json(header), *frame["blobs"]]


def header_message(opening: dict[str, Any], msg_number: int) -> Message:
    """The message that opens a series."""
    head = {"htype": "header", "filename": opening.get("filename", ""), "msg_number": msg_number}
    return [_json(head), _json(opening.get("meta", {}))]


def end_message(msg_number: int) -> Message:
    """The message that closes it."""
    return [_json({"htype": "series_end", "msg_number": msg_number})]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode()

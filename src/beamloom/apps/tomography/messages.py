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


def opening_of(event: Event) -> dict[str, Any] | None:
    """What a camera has said as it opened its series; None for other events."""
    for packet in event.streams.values():
        if packet.kind is PacketKind.START:
            parsed = packet.parse()
            if hasattr(parsed, "filename"):
                return {"filename": parsed.filename, "meta": dict(getattr(parsed, "meta", {}))}
    return None


def frame_header(seen: Image, frame: int, angle: Angle, time: float, number: int) -> bytes:
    """The header of a frame: what its camera has said of it, and the angle."""
    header: dict[str, Any] = {"compression": "none", "type": seen.dtype.name}
    if hasattr(seen.parsed, "blobs"):
        header |= {name: value for name, value in dict(seen.parsed).items() if name != "blobs"}
    header |= {
        "htype": "image",
        "frame": frame,
        "shape": list(seen.shape),
        "angle": _known(angle.degrees),
        "angle_measured": angle.measured,
        "encoder_time": _known(time),
        "msg_number": number,
    }
    return _json(header)


def header_message(opening: dict[str, Any], number: int) -> list[bytes]:
    """The message that opens a series."""
    head = {"htype": "header", "filename": opening.get("filename", ""), "msg_number": number}
    return [_json(head), _json(opening.get("meta", {}))]


def end_message(number: int) -> bytes:
    """The message that closes it."""
    return _json({"htype": "series_end", "msg_number": number})


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode()

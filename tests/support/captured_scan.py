"""The captured scan of 20 points that several pages map: contrast and an Xspress3."""

from __future__ import annotations

from pathlib import Path

from beamloom.devices.captures import read_capture
from beamloom.events import Event, Packet


def captured_scan(shared_data: Path) -> list[Event]:
    """Its start, 20 points, its end."""
    captures = shared_data / "captures"
    contrast = [Packet("contrast", frames) for frames in read_capture(captures / "contrast-dump.cbors")]
    points = [packet for packet in contrast if packet.parse().status != "heartbeat"]
    header, *parts, end = read_capture(captures / "xspress3-dump.cbors")
    frames = [[blob for part in parts[at : at + 3] for blob in part] for at in range(0, len(parts), 3)]
    spectra = [Packet("xspress", message) for message in (header, *frames, end)]
    pairs = zip(points, spectra, strict=True)
    return [Event(number, {"contrast": c, "xspress3": x}) for number, (c, x) in enumerate(pairs)]

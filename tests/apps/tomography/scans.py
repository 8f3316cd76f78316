"""Simulated scans as a camera and a PandABox send them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from apps.runs import as_packets, camera_messages, events_of
from beamloom import Event
from beamloom.apps.tomography import Simulation
from beamloom.devices import pandabox

Message = list[bytes]


def box_messages(simulation: Simulation, frames: int | None = None) -> list[Message]:
    """What the box captures: an encoder of a million counts for each degree that shows 0 at 10 degrees, and times."""
    indices = range(simulation.frames if frames is None else frames)
    columns = {
        "PCAP.TS_TRIG.Value": [0.01 * (index + 1) for index in indices],
        "INENC1.VAL.Mean": [1e6 * (simulation.degrees(index) - 10) for index in indices],
    }
    return [list(message) for message in pandabox.generate(columns=columns)]


def series(simulation: Simulation, frames: int | None = None) -> list[Message]:
    """What the camera sends."""
    return camera_messages(
        simulation.frame(index) for index in range(simulation.frames if frames is None else frames)
    )


def scan(simulation: Simulation, frames: int | None = None) -> list[Event]:
    """Both as events: frame i is event i + 1."""
    boxed = as_packets("PCAP_RAW", box_messages(simulation, frames))
    header = boxed[0].frames[0]
    for packet in boxed[1:-1]:
        packet.frames.append(header)
    return events_of({"camera": as_packets("STINS", series(simulation, frames)), "box": boxed})


def settings(simulation: Simulation, **more: Any) -> dict[str, Any]:
    """Parameters that suit the simulation."""
    return {
        "angle_scale": 1e-6,
        "angle_offset": 10.0,
        "air_columns": 6,
        "dark_file_file": as_file(simulation.dark()),
        "flat_file_file": as_file(simulation.flat()),
        **more,
    }


def as_file(array: Any) -> bytes:
    """The array as the content of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()

"""Simulated scans as a camera and a PandABox send them."""

from __future__ import annotations

from typing import Any

from apps.runs import as_packets, camera_messages, events_of
from apps.tomography.scans import as_file
from beamloom import Event
from beamloom.apps.spectroscopy import Simulation
from beamloom.devices import pandabox

Message = list[bytes]
ENERGY, I0, IT = "INENC1.VAL.Mean", "FMC_IN.VAL1.Mean", "FMC_IN.VAL2.Mean"


def box_messages(simulation: Simulation) -> list[Message]:
    """What the box captures: the energy in keV, and both currents."""
    indices = range(simulation.total)
    columns = {
        ENERGY: [simulation.energy(index) / 1000 for index in indices],
        I0: [simulation.i0(index) for index in indices],
        IT: [simulation.transmitted(index) for index in indices],
    }
    return [list(message) for message in pandabox.generate(columns=columns)]


def series(simulation: Simulation) -> list[Message]:
    """What the camera sends."""
    return camera_messages(simulation.frame(index) for index in range(simulation.total))


def scan(simulation: Simulation) -> list[Event]:
    """Both as events: frame i is event i + 1."""
    boxed = as_packets("PCAP_RAW", box_messages(simulation))
    for packet in boxed[1:-1]:
        packet.frames.append(boxed[0].frames[0])
    return events_of({"camera": as_packets("STINS", series(simulation)), "box": boxed})


def settings(simulation: Simulation, **more: Any) -> dict[str, Any]:
    """Parameters that suit the simulation."""
    return {
        "energy": f"box.values.{ENERGY}",
        "energy_scale": 1000.0,
        "i0": f"box.values.{I0}",
        "transmitted": f"box.values.{IT}",
        "curvature": list(simulation.curvature),
        "energy_calibration": list(simulation.calibration),
        "mask_file_file": as_file(simulation.mask()),
        **more,
    }

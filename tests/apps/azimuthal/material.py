"""The simulated powder as events and messages, and settings that suit it."""

from __future__ import annotations

from typing import Any

from apps.runs import as_packets, camera_messages, events_of, parameters_of
from beamloom import Event, ParameterSet
from beamloom.apps.azimuthal import Reducer, Simulation, Worker
from beamloom.devices import albaem

SIMULATION = Simulation(frames=24, shape=(180, 170), distance=0.014, seed=5)
SETTINGS: dict[str, Any] = {
    "bins": 220,
    "correct_polarization": True,
    "polarization_factor": SIMULATION.polarization,
    "i0": "i0.channel1",
    "waterfall_rows": 100,
}


def messages() -> dict[str, list[list[bytes]]]:
    """What the camera and the electrometer send."""
    frames = range(SIMULATION.frames)
    currents = ([SIMULATION.i0(index), 0.0, 0.0, 0.0] for index in frames)
    return {
        "camera": camera_messages(SIMULATION.frame(index) for index in frames),
        "i0": list(albaem.generate(currents=currents)),
    }


def events() -> list[Event]:
    """The same as events: frame i is event i + 1."""
    sent = messages()
    return events_of({"camera": as_packets("STINS", sent["camera"]), "i0": as_packets("albaem", sent["i0"])})


def parameter_set(**changes: Any) -> ParameterSet:
    """The settings as the hooks get them."""
    return parameters_of(Worker, Reducer, **{"poni_file": SIMULATION.poni.encode(), **SETTINGS, **changes})

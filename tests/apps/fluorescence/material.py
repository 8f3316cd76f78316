"""The simulated sample as messages of real devices, and settings that suit it."""

from __future__ import annotations

import importlib.util
import pickle
from typing import Any

import pytest

from apps.runs import as_packets, events_of, parameters_of
from beamloom import Event, ParameterSet
from beamloom.apps.fluorescence import Reducer, Simulation, Worker
from beamloom.devices import albaem, contrast, xspress3

SIMULATION = Simulation(columns=12, rows=8, seed=4)
STREAMS = ("xspress3", "contrast", "i0")
SETTINGS: dict[str, Any] = {
    "regions": "Ca 357-381, Fe 625-655, Cu 785-825",
    "dead_time": "xspress3.meta.dtc",
    "i0": "i0.channel1",
    "x": "contrast.pseudo.x",
    "y": "contrast.pseudo.y",
}

needs_pymca = [
    pytest.mark.installs,
    pytest.mark.skipif(
        importlib.util.find_spec("PyMca5") is None,
        reason="needs PyMca5, which has to be compiled: make test-more",
    ),
]


def messages(simulation: Simulation = SIMULATION) -> dict[str, list[list[bytes]]]:
    """What spectrometer, scan software and electrometer send."""
    points = range(simulation.points)
    spectra = list(xspress3.generate(spectra=(simulation.spectrum(point) for point in points)))
    currents = ([simulation.i0(point), 0.0, 0.0, 0.0] for point in points)
    return {
        "xspress3": [_with_dead_time(message, simulation) for message in spectra],
        "contrast": list(contrast.generate(positions=[simulation.position(point) for point in points])),
        "i0": list(albaem.generate(currents=currents)),
    }


def _with_dead_time(message: list[bytes], simulation: Simulation) -> list[bytes]:
    if len(message) != 3:
        return message
    counted = pickle.loads(message[2])
    counted[7] = list(simulation.corrections)
    return [message[0], message[1], pickle.dumps(counted, protocol=4)]


def events(simulation: Simulation = SIMULATION) -> list[Event]:
    """The same as events: point i is event i + 1."""
    types = {"xspress3": xspress3.TYP, "contrast": "contrast", "i0": "albaem"}
    sent = messages(simulation)
    return events_of({name: as_packets(typ, sent[name]) for name, typ in types.items()})


def parameter_set(**changes: Any) -> ParameterSet:
    """The settings as the hooks get them."""
    return parameters_of(Worker, Reducer, **{**SETTINGS, **changes})


def fitting(**changes: Any) -> ParameterSet:
    """The same with a fit."""
    return parameter_set(fit_configuration_file=SIMULATION.configuration.encode(), **changes)

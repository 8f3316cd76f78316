"""Series that several tests localize."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from apps.camera_series import packets_of
from beamloom import Event, Packet, ParameterSet, ReducerState, Result
from beamloom.apps.localization import Camera, Reducer, Simulation, Worker
from beamloom.devices import stins

Array = np.ndarray[Any, np.dtype[Any]]
SCMOS = Camera()
EMCCD = Camera(offset=200, electrons_per_count=10, read_noise=60, em_gain=200)


def isolated(photons: float, background: float, camera: Camera = SCMOS, seed: int = 1) -> Simulation:
    """Spots on a grid, all lit in all frames, none in the pixels of another: 121 of them in each of 25 frames."""
    return Simulation(
        seed=seed,
        frames=25,
        shape=(180, 180),
        pattern="grid",
        lit=0.9999,
        blink=1e9,
        photons=photons,
        background=background,
        camera=camera,
    )


def paired(table: Array, simulation: Simulation, within: float = 60.0) -> tuple[Array, Array]:
    """The rows of ``table`` nearest to each lit molecule, those within some nm, and their true places, (n, 2) in nm."""
    rows, places = [], []
    for frame in range(simulation.frames):
        here, truth = table[table["frame"] == frame], simulation.truth(frame)
        if not len(here):
            continue
        distance = np.hypot(here["x"] - truth.x[:, None], here["y"] - truth.y[:, None])
        nearest = distance.argmin(axis=1)
        near = distance[np.arange(len(nearest)), nearest] < within
        rows.append(here[nearest[near]])
        places.append(np.column_stack([truth.x, truth.y])[near])
    return np.concatenate(rows), np.concatenate(places)


BLINKING = Simulation(seed=12, frames=80, shape=(64, 80), molecules=64, lit=0.025, photons=1500, ring=400)


def messages(count: int, simulation: Simulation = BLINKING) -> list[list[bytes]]:
    """A whole series, as a STINS camera sends it."""
    return list(stins.generate(images=(simulation.frame(index) for index in range(count))))


def packets(count: int, simulation: Simulation = BLINKING) -> list[Packet]:
    """The same as packets. Frame i is event i + 1."""
    return packets_of(messages(count, simulation))


def parameter_set(**changes: Any) -> ParameterSet:
    """Parameters as the hooks get them."""
    return ParameterSet.from_values(changes, Reducer.describe_parameters())


def analysed(
    series: list[Packet], parameters: ParameterSet, order: Iterable[int] | None = None, workers: int = 1
) -> Any:
    """What is published after all events, in ``order``, dealt to ``workers`` in turn, as plain values."""
    reducer = Reducer(parameters, ReducerState(run="run-1"))
    crew = [Worker() for _ in range(workers)]
    for turn, number in enumerate(range(len(series)) if order is None else order):
        payload = crew[turn % workers].process_event(Event(number, {"camera": series[number]}), parameters)
        reducer.process_result(Result(number, "w", parameters.hash, payload), parameters)
    reducer.finish(parameters)
    return plain(reducer.publish)


def plain(tree: Any) -> Any:
    """A publish tree as dictionaries of arrays and plain values."""
    if hasattr(tree, "snapshot"):
        tree = tree.snapshot()
    if isinstance(tree, dict):
        return {name: plain(value) for name, value in tree.items()}
    return np.asarray(tree) if hasattr(tree, "__array__") else tree


def assert_same(one: Any, other: Any, place: str = "$") -> None:
    """Fail unless two trees are the same to the last bit, and tell where they are not."""
    if isinstance(one, dict) or isinstance(other, dict):
        assert one.keys() == other.keys(), place
        for name in one:
            assert_same(one[name], other[name], f"{place}.{name}")
    elif isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other, err_msg=place, strict=True)
    else:
        assert one == other, place

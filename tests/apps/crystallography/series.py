"""Simulated series as packets, and the analysis of them in the simplest way: one event after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from apps.camera_series import packets_of
from beamloom import Event, Packet, ParameterSet, ReducerState, Result
from beamloom.apps.crystallography import Reducer, Simulation, Worker
from beamloom.devices import stins

Array = np.ndarray[Any, np.dtype[Any]]
SIMULATION = Simulation(seed=7)
SETTINGS = {"adc_threshold": 8, "minimum_snr": 6, "min_num_peaks_for_hit": 9, "hit_frame_sending_interval": 1}


def values(simulation: Simulation = SIMULATION, **changes: Any) -> dict[str, Any]:
    """Parameters that suit the simulation."""
    return {"geometry_file_file": simulation.geometry_text().encode(), **SETTINGS, **changes}


def parameter_set(simulation: Simulation = SIMULATION, **changes: Any) -> ParameterSet:
    """The same, as the hooks get them."""
    return ParameterSet.from_values(values(simulation, **changes), Reducer.describe_parameters())


def messages(count: int, simulation: Simulation = SIMULATION) -> list[list[bytes]]:
    """A whole series, as a STINS camera sends it."""
    return list(stins.generate(images=(simulation.frame(index) for index in range(count))))


def packets(count: int, simulation: Simulation = SIMULATION) -> list[Packet]:
    """The same as packets. Frame i is event i + 1."""
    return packets_of(messages(count, simulation))


def analysed(
    series: list[Packet],
    *sets: ParameterSet,
    change_at: int | None = None,
    order: Iterable[int] | None = None,
    workers: int = 1,
    run: str = "run-1",
) -> Reducer:
    """The reducer after all events, in ``order``, dealt to ``workers`` in turn; from event ``change_at`` on the second set holds."""
    reducer = Reducer(sets[0], ReducerState(run=run))
    crew = [Worker() for _ in range(workers)]
    for turn, number in enumerate(range(len(series)) if order is None else order):
        epoch = 1 if change_at is not None and number >= change_at else 0
        event = Event(number, {"camera": series[number]})
        payload = crew[turn % workers].process_event(event, sets[epoch])
        reducer.process_result(Result(number, "w", sets[epoch].hash, payload, epoch), sets[epoch])
    reducer.finish(sets[-1])
    return reducer


def plain(tree: Any) -> Any:
    """A publish tree as dictionaries of arrays and plain values."""
    if hasattr(tree, "snapshot"):
        tree = tree.snapshot()
    if isinstance(tree, dict):
        return {name: plain(value) for name, value in tree.items()}
    if hasattr(tree, "__array__"):
        return np.asarray(tree)
    return tree


def assert_same(one: Any, other: Any, place: str = "$") -> None:
    """Fail unless two trees are the same to the last bit, and tell where they are not."""
    if isinstance(one, dict) or isinstance(other, dict):
        assert one.keys() == other.keys(), place
        for name in one:
            assert_same(one[name], other[name], f"{place}.{name}")
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, place
        np.testing.assert_array_equal(one, other, err_msg=place)
    else:
        assert one == other or (one != one and other != other), place

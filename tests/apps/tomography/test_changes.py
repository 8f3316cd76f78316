"""Parameters that change while a run goes on: slices are of projections of the newest, also where older ones come late."""

from __future__ import annotations

import numpy as np

from apps.runs import parameters_of, plain
from apps.tomography.scans import scan, settings
from beamloom import Result
from beamloom.apps.tomography import Reducer, Simulation, Worker

SIMULATION = Simulation(seed=2, shape=(16, 32), frames=20)


def test_projections_of_a_former_filter_are_let_go_and_a_slice_moves_without_new_ones() -> None:
    events = scan(SIMULATION)[1:-1]
    sets = [
        parameters_of(Worker, **settings(SIMULATION, filter=name, centre=15.5)) for name in ("ramp", "hann")
    ]
    shown = []
    for order in (range(20), [*range(0, 20, 2), *range(19, 0, -2)], range(19, -1, -1)):
        reducer = Reducer()
        for place in order:
            epoch = int(place >= 8)
            payload = Worker().process_event(events[place], sets[epoch])
            reducer.process_result(Result(place + 1, "w", sets[epoch].hash, payload, epoch))
        reducer.finish(sets[1])
        shown.append(plain(reducer.publish))
    for other in shown[1:]:
        assert np.array_equal(shown[0]["slices"]["across"]["image"], other["slices"]["across"]["image"])
    # All angles are told; the sinogram has the projections that are in the slices.
    assert len(shown[0]["angles"]["angle"]) == 20
    assert shown[0]["sinogram"]["event"].tolist() == list(range(9, 21))
    before = shown[2]["slices"]["along_x"]["image"]
    reducer.timer(parameters_of(Worker, **settings(SIMULATION, filter="hann", centre=15.5, slice_y=4.0)))
    assert not np.array_equal(plain(reducer.publish)["slices"]["along_x"]["image"], before)

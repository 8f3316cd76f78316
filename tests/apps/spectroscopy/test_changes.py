"""Parameters that change while a run goes on: what is shown is of the newest, also where older results come late."""

from __future__ import annotations

import numpy as np

from apps.runs import parameters_of, plain
from apps.spectroscopy.series import scan, settings
from beamloom import Result
from beamloom.analysis import ReducerAnalysis
from beamloom.apps.spectroscopy import Reducer, Simulation, Worker

SIMULATION = Simulation(seed=2, points=5)


def test_results_of_former_parameters_are_not_added_to_those_of_the_newest() -> None:
    events = scan(SIMULATION)[1:-1]
    sets = [parameters_of(Worker, **settings(SIMULATION, bins_per_pixel=bins)) for bins in (1, 2)]
    shown = []
    for order in (range(10), [9, 0, 8, 1, 7, 2, 6, 3, 5, 4]):
        reducer = Reducer()
        for place in order:
            # From the sixth event on the second set holds.
            epoch = int(place >= 5)
            payload = Worker().process_event(events[place], sets[epoch])
            reducer.process_result(Result(place + 1, "w", sets[epoch].hash, payload, epoch), sets[epoch])
        reducer.finish()
        shown.append(plain(reducer.publish))
    assert np.array_equal(shown[0]["spectrum"]["counts"], shown[1]["spectrum"]["counts"])
    newest = Reducer()
    for place in range(5, 10):
        payload = Worker().process_event(events[place], sets[1])
        newest.process_result(Result(place + 1, "w", sets[1].hash, payload, 1), sets[1])
    newest.finish()
    assert np.array_equal(shown[0]["spectrum"]["counts"], plain(newest.publish)["spectrum"]["counts"])
    assert len(shown[0]["fluorescence"]["energy"]) == 3


def test_a_step_that_changes_before_its_first_result_leaves_what_is_shown_as_it_is() -> None:
    first, second = (parameters_of(Worker, **settings(SIMULATION, energy_step=step)) for step in (0.1, 0.37))
    reducer = ReducerAnalysis(Reducer)
    reducer.start(first, {})
    for event in scan(SIMULATION)[1:5]:
        payload = Worker().process_event(event, first)
        reducer.process_result(Result(event.event_number, "w", first.hash, payload), first)
    reducer.timer(second)
    assert len(plain(reducer.publish)["fluorescence"]["energy"]) == 2

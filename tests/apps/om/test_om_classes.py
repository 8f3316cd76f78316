"""Classes that were written for OM run as worker and reducer: what they are called with, and what becomes of what they return."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.crystallography.series import SIMULATION, packets
from beamloom import Event, ParameterSet, ReducerState, Result, UserError, WorkerState
from beamloom.apps.om import MonitorParameterError, MonitorParameters, Reducer, Worker
from beamloom.apps.om.worker import rank_of

ANALYSIS = Path(__file__).parent / "analysis"
FRAMES = 40
MONITOR = b"""
data_retrieval_layer: {fallback_beam_energy_in_eV: 9500}
brightness: {threshold: %d, ask_every: 5}
"""
MIDDLE = 110_000
"""Counts that some frames have, and others have not."""


@pytest.fixture(autouse=True)
def user_code(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(ANALYSIS))
    yield
    for name in ("brightness", "needs_om"):
        sys.modules.pop(name, None)


def given(cls: str = "brightness:BrightnessProcessing", text: bytes = MONITOR % MIDDLE) -> ParameterSet:
    values = {"processing_class": cls, "monitor_file_file": text, "node_pool_size": 3}
    return ParameterSet.from_values(values, Reducer.describe_parameters())


Make = Callable[[ParameterSet], tuple[Reducer, list[Worker]]]


@pytest.fixture
def run() -> str:
    """The id of a run that no other test has, nor any other process."""
    return uuid.uuid4().hex


@pytest.fixture
def nodes(run: str) -> Iterator[Make]:
    """A reducer and two workers, whose sockets are closed in the end."""
    made: list[Any] = []

    def make(parameters: ParameterSet) -> tuple[Reducer, list[Worker]]:
        reducer = Reducer(parameters, ReducerState(run=run))
        made.append(reducer)
        workers = [Worker(parameters, WorkerState(name=f"worker-{rank}", run=run)) for rank in (1, 2)]
        made.extend(workers)
        return reducer, workers

    yield make
    for one in made:
        one.close()


def run_through(reducer: Reducer, workers: list[Worker], parameters: ParameterSet) -> None:
    series = packets(FRAMES)
    for number, packet in enumerate(series):
        event = Event(number, {"camera": packet})
        everybody = number in (0, len(series) - 1)
        for worker in workers if everybody else [workers[number % 2]]:
            reducer.timer(parameters)
            payload = worker.process_event(event, parameters)
            reducer.process_result(Result(number, "w", parameters.hash, payload, 0))
    for worker in workers:
        worker.finish()
    reducer.finish()


def test_messages_reach_the_collecting_node_once_each(nodes: Make) -> None:
    parameters = given()
    reducer, workers = nodes(parameters)
    run_through(reducer, workers, parameters)
    published = reducer.publish
    assert published["frames"] == FRAMES
    truth = [int(SIMULATION.frame(index).sum()) for index in range(FRAMES)]
    assert published["total"] == sum(truth)
    assert 0 < published["hits"] == sum(one > MIDDLE for one in truth) < FRAMES
    assert (published["ends"], published["counted"], published["nodes"]) == (2, FRAMES, 3)
    assert published["waited"] == FRAMES + 4


def test_feedback_reaches_the_node_that_it_is_for_and_0_reaches_all(nodes: Make) -> None:
    parameters = given()
    reducer, workers = nodes(parameters)
    told: dict[int, list[Any]] = {1: [], 2: []}
    sender = reducer._feedback
    sender.send({1: {"requests": "one"}})
    sender.send({0: {"requests": "all", "level": np.float64(2.5), "places": np.arange(2)}})
    for rank, worker in zip((1, 2), workers, strict=True):
        wanted = 2 if rank == 1 else 1
        while len(told[rank]) < wanted:
            sender.flush()
            if worker._feedback._socket.poll(100):
                told[rank].append(worker._feedback.next())
        assert worker._feedback.next() == {}
    both = {"requests": "all", "level": 2.5, "places": [0, 1]}
    assert told == {1: [{"requests": "one"}, both], 2: [both]}


def test_a_frame_that_was_asked_for_comes_with_the_next_message(nodes: Make) -> None:
    parameters = given()
    reducer, workers = nodes(parameters)
    series = packets(4)
    reducer._feedback.send({1: {"requests": "hit_frame"}})
    while not workers[0]._feedback._socket.poll(100):
        reducer._feedback.flush()
    messages = [
        workers[0].process_event(Event(number, {"camera": series[number]}), parameters) for number in (1, 2)
    ]
    first, second = (message[0][0] for message in messages if message)
    assert first["request"] == "hit_frame"
    assert np.array_equal(first["detector_data"], SIMULATION.frame(0))
    assert "detector_data" not in second


def test_the_class_is_given_what_om_gives(nodes: Make) -> None:
    parameters = given()
    _, workers = nodes(parameters)
    answer = workers[1].process_event(Event(1, {"camera": packets(2)[1]}), parameters)
    assert answer is not None
    message, rank = answer[0]
    assert rank == 2
    assert message["beam_energy"] == 9500.0
    assert message["event_id"] == "camera // 0"
    assert workers[1].process_event(Event(0, {"camera": packets(2)[0]}), parameters) is None


def test_events_after_the_end_are_followed_by_another_end(nodes: Make) -> None:
    parameters = given()
    _, workers = nodes(parameters)
    series = packets(2)
    end = workers[0].process_event(Event(3, {"camera": series[3]}), parameters)
    late = workers[0].process_event(Event(1, {"camera": series[1]}), parameters)
    assert end == [[{"end_processing": True, "count": 0}, 1]]
    assert late is not None
    assert [len(late), late[1][0]["count"]] == [2, 1]


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        ("", "name the class as module:Class"),
        ("nowhere:Class", "there is no module 'nowhere'"),
        ("brightness:Brightnes", "has no class 'Brightnes'"),
        ("brightness:Incomplete", "has no method 'initialize_processing_node'"),
        ("needs_om:Anything", "OM is not installed here"),
    ],
)
def test_a_class_that_cannot_be_run_is_told_in_a_sentence(cls: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Reducer(given(cls))


def test_what_the_class_asks_of_its_file_is_checked() -> None:
    with pytest.raises(MonitorParameterError, match="no group 'brightness'"):
        Reducer(given(text=b"om: {}"))
    with pytest.raises(UserError, match="is no YAML"):
        Reducer(given(text=b"om: ["))
    values = MonitorParameters({"a": {"n": 3, "on": True, "name": "x", "none": None}})
    assert values.get_parameter(group="a", parameter="n", parameter_type=float) == 3
    assert values.get_parameter(group="a", parameter="none", default=7) == 7
    assert values.get_parameter(group="b", parameter="n") is None
    assert values.get_parameter_group(group="a")["name"] == "x"
    for parameter, kind in (("on", int), ("on", float), ("name", int), ("n", str)):
        with pytest.raises(MonitorParameterError, match="but it takes a"):
            values.get_parameter(group="a", parameter=parameter, parameter_type=kind)
    with pytest.raises(MonitorParameterError, match="did you mean 'name'"):
        values.get_parameter(group="a", parameter="nam", required=True)


def test_a_broken_answer_is_told(nodes: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = given()
    reducer, workers = nodes(parameters)
    monkeypatch.setattr(workers[0]._processing._instance, "process_data", lambda **_: {"a": 1})
    with pytest.raises(UserError, match="should return a dictionary and the rank"):
        workers[0].process_event(Event(1, {"camera": packets(2)[1]}), parameters)
    monkeypatch.setattr(reducer._processing._instance, "collect_data", lambda **_: [1])
    with pytest.raises(UserError, match="should return None, or a dictionary for each rank"):
        reducer.process_result(Result(1, "w", parameters.hash, [[{}, 1]], 0))


def test_two_runs_with_one_address_are_told_apart(nodes: Make, run: str) -> None:
    nodes(given())
    with pytest.raises(UserError, match="set feedback_url to an address that is free"):
        Reducer(given(), ReducerState(run=run))


def test_ranks_follow_from_the_names_of_workers() -> None:
    assert [rank_of("worker-1"), rank_of("host-b-12"), rank_of("")] == [1, 12, 1]
    assert rank_of("left") != rank_of("right")
    assert rank_of("left") == rank_of("left") > 0

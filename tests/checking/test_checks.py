"""A check finds what a live pipeline would not forgive, and nothing where there is nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest

from beamloom.checking import Check, Findings, Question, lines
from beamloom.checking.comparing import differences, plain
from beamloom.checking.orders import RandomTurns
from beamloom.replay import Replay
from checking import analyses
from checking.analyses import ITEMS, Reducer, Source, Worker

ROW = np.dtype([("x", "i4"), ("y", "f4")])


class Ambiguous:
    """Compares as arrays do: element by element."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> Any:
        return np.array([True, False])

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"Ambiguous({self.value})"


def checked(worker: type = Worker, reducer: type = Reducer, **more: Any) -> Findings:
    question = Question(worker_class=worker, reducer_class=reducer, source=Source, seconds=0.0, **more)
    return Check(question).run()


def problems(found: Findings) -> dict[str, str]:
    return {one.what: one.sentence for one in found.problems}


@pytest.mark.parametrize("worker", [Worker, analyses.UsesTheHeader])
def test_nothing_is_found_where_nothing_is_wrong(worker: type) -> None:
    found = checked(worker)
    assert found.found == []
    assert found.events == ITEMS + 2
    assert any("4 workers, in 4 orders" in sentence for sentence in found.tried)
    assert list(lines(found))[-1].startswith("No problem found")


def test_a_reducer_that_lists_what_comes_is_told_that_its_order_is_chance() -> None:
    found = problems(checked(reducer=analyses.Appends))
    assert found.keys() == {"order", "workers"}
    assert "$.values differs in" in found["order"]
    assert "Key what you keep by event_number" in found["workers"]


def test_a_sum_of_real_numbers_is_a_note_and_no_problem() -> None:
    found = checked(reducer=analyses.AddsUp)
    assert found.problems == []
    assert any("$.sum differ in the last digits alone" in one.sentence for one in found.found)


@pytest.mark.parametrize(
    ("worker", "what", "sentence"),
    [
        (analyses.Counts, "state", "event 2 depends on the events before it"),
        (analyses.TellsTheTime, "repeat", "gives another result each time"),
        (analyses.ReturnsTheSameArray, "wire", "event 1 was changed after it was returned"),
        (analyses.ReturnsALock, "wire", "lock"),
        (analyses.Fails, "failure", "the ring current is 0"),
        (analyses.SharesAList, "shared", "SharesAList.seen changed"),
        (analyses.MeetsOthers, "threads", "somebody else was here"),
    ],
)
@pytest.mark.expects_errors
def test_what_is_wrong_with_a_worker_is_named(worker: type, what: str, sentence: str) -> None:
    found = problems(checked(worker, orders=1))
    assert sentence in found[what]


def test_a_class_that_declares_its_state_is_tried_in_the_pipeline_alone() -> None:
    found = checked(analyses.DeclaresIt, workers=(1,))
    assert found.problems == []
    assert "the class is stateful" in found.tried[0]


def test_parameters_that_are_read_have_to_be_described() -> None:
    found = checked(analyses.Undescribed, workers=(1,))
    assert "'offset', which no class describes (it has no value here)" in problems(found)["parameters"]
    assert [one.sentence for one in found.found if one.kind == "note"] == [
        "described, and not read in these events: forgotten"
    ]
    given = checked(analyses.Undescribed, workers=(1,), parameters={"offset": b"3"})
    assert "(it has a value here)" in problems(given)["parameters"]


def test_what_differs_between_runs_that_are_alike_is_not_blamed_on_the_order() -> None:
    found = checked(reducer=analyses.Stamps)
    assert found.problems == []
    assert "publish different values of $.made" in found.found[0].sentence


def test_findings_travel_as_json_with_the_times_of_the_hooks() -> None:
    question = Question(worker_class=Worker, reducer_class=Reducer, source=Source, seconds=0.05, orders=1)
    found = Check(question).run()
    told = msgspec.json.decode(found.to_json())
    assert told["clean"] is True
    assert told["plain"]["hooks"]["worker"]["seconds"]["mean"] > 0
    assert any("Worker.process_event" in line for line in lines(found))


def test_random_turns_give_events_to_other_workers_and_lose_none() -> None:
    class Notes(Reducer):
        def process_result(self, result: Any) -> None:
            self.publish.setdefault("order", []).append((result.worker, result.event_number))

    seen = []
    for seed in range(4):
        report = Replay(Worker, Notes, source=Source, workers=3).run(turns=RandomTurns(seed))
        assert report.clean
        assert Counter(event for _, event in report.publish["order"]) == Counter(range(1, ITEMS + 1))
        seen.append(tuple(report.publish["order"]))
    assert len(set(seen)) == 4
    report = Replay(Worker, Notes, source=Source, workers=3).run(turns=RandomTurns(0))
    assert tuple(report.publish["order"]) == seen[0]


@pytest.mark.parametrize(
    ("one", "other", "path", "rounding"),
    [
        ({"a": 1}, {"a": 2}, "$.a", False),
        ({"a": 1.0}, {"a": 1.0 + 1e-15}, "$.a", True),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "$.a[1].b", False),
        ({"a": np.arange(3)}, {"a": np.arange(4)}, "$.a", False),
        ({"a": np.arange(3)}, {"a": np.arange(3.0)}, "$.a", False),
        ({"a": np.array([1e9, 1e-9])}, {"a": np.array([1e9 + 1e-5, 1e-9])}, "$.a", True),
        ({"a": np.array([np.nan, 1])}, {"a": np.array([1, np.nan])}, "$.a", False),
        ({(0, 1): "x"}, {(0, 1): "y"}, "$[(0, 1)]", False),
        ({"a": 1}, {}, "$.a", False),
        ({"t": np.array([(1, 2.0)], ROW)}, {"t": np.array([(1, 3.0)], ROW)}, "$.t.y", False),
        ({"a": np.array([None, "b"], object)}, {"a": np.array([None, "c"], object)}, "$.a[1]", False),
        ({"a": Ambiguous(1)}, {"a": Ambiguous(2)}, "$.a", False),
        ({"a": None}, {"a": 0}, "$.a", False),
        ({"a": "text"}, {"a": "texts"}, "$.a", False),
    ],
)
def test_two_trees_differ_where_they_do(one: Any, other: Any, path: str, rounding: bool) -> None:
    assert list(differences(plain(one), plain(one))) == []
    (found,) = differences(plain(one), plain(other))
    assert (found.path, found.rounding) == (path, rounding)


def test_the_order_of_keys_is_no_difference_and_nan_equals_nan() -> None:
    one = {"a": np.array([np.nan, 1.0]), "b": (1, 2.5)}
    other = {"b": [1, 2.5], "a": np.array([np.nan, 1.0])}
    assert list(differences(plain(one), plain(other))) == []

"""Runs in the words of a form over HTTP: shown before they begin, armed as they were shown, and told of one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.control.plans import Plan, map_of
from control.live import Live, simple_map
from services.bench import series


@pytest.fixture
def live() -> Iterator[Live]:
    with Live() as running:
        yield running


def shown(live: Live, **plan: Any) -> dict[str, Any]:
    answer = live.post("plan", json=plan)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def cells(told: dict[str, Any], stream: str) -> list[str]:
    row = told["streams"].index(stream)
    return [one["cells"][row] for one in told["shown"]]


def test_a_plan_is_shown_and_nothing_is_armed(live: Live) -> None:
    told = shown(live, streams=["eiger", "orca"], events=4, size=2)
    assert told["problem"] is None
    assert told["total_events"] == 6
    assert told["summary"] == "6 events: start, main, end"
    assert cells(told, "eiger") == cells(told, "orca") == ["all", "0", "0", "1", "1", "all"]
    assert [one["begins"] for one in told["shown"]] == [True, True, False, False, False, True]
    assert live.read("runs") == []


def test_slow_streams_windows_and_open_runs_are_shown(live: Live) -> None:
    slow = shown(live, streams=["eiger", "orca"], events=4, every={"orca": 2})
    assert cells(slow, "orca") == ["all", "none", "1", "none", "3", "all"]
    assert cells(shown(live, streams=["eiger"], events=3, share=1), "eiger")[1:-1] == ["1", "{1,2}", "2"]
    endless = shown(live, streams=["eiger", "orca"], size=2, every={"orca": 3})
    assert (endless["total_events"], len(endless["shown"])) == (None, 24)
    assert cells(endless, "orca")[1:8] == ["none", "none", "1", "none", "none", "2", "none"]
    long = shown(live, streams=["eiger"], events=10_000_000)
    assert (long["total_events"], len(long["shown"])) == (10_000_002, 24)


def test_one_in_so_many_events_is_for_the_debug_worker_which_must_be_there(live: Live) -> None:
    told = shown(live, streams=["eiger"], events=4, debug_every=2)
    assert cells(told, "eiger")[1:-1] == ["0", "{debug,1}", "2", "{debug,3}"]
    assert "debug" in told["problem"]


def test_what_is_in_the_way_is_said_before_it_is_armed(live: Live) -> None:
    told = shown(live, streams=["eiger", "pilatus"], events=3)
    assert told["problem"].startswith("stream 'pilatus' not available")
    assert "needs 3 different workers" in shown(live, streams=["eiger"], events=9, share=2)["problem"]
    assert live.refused(live.post("plan/arm", json={"streams": ["pilatus"], "events": 3}), 400)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"events": 3}, "choose at least one stream"),
        ({"streams": ["eiger"], "events": 0}, "the number of events is 0"),
        ({"streams": ["eiger"], "events": 3, "size": 0}, "the size of a batch is 0"),
        ({"streams": ["eiger", "eiger"], "events": 3}, "named twice"),
        ({"streams": ["eiger"], "share": 1}, "need a number of events"),
        ({"streams": ["eiger"], "events": 9, "share": 1, "size": 2}, "choose one of these three"),
        ({"streams": ["eiger"], "events": 1, "share": 1}, "have no window of 2"),
        ({"streams": ["eiger"], "events": 10**9, "share": 1}, "at most 1000000"),
        ({"streams": ["eiger"], "events": 9, "every": {"orca": 2}}, "not among the streams"),
        ({"streams": ["eiger"], "size": 1_000_000, "every": {"eiger": 999_999}}, "divide each other"),
        ({"streams": ["eiger"], "events": 9, "debug_every": 0}, "the interval of debug workers is 0"),
        ({"streams": ["eiger"], "events": 9, "share": 1, "debug_every": 2}, "no debug worker sees windows"),
        ({"streams": ["eiger"], "number": 3}, "this is no plan"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_a_sentence(
    live: Live, plan: dict[str, Any], said: str
) -> None:
    assert said in live.refused(live.post("plan", json=plan), 400)
    assert said in live.refused(live.post("plan/arm", json=plan), 400)
    assert "there is no run 'x'" in live.refused(live.post("plan", json={"like": "x"}), 404)


def test_a_plan_is_armed_as_it_was_shown_and_again_like_the_run_that_it_became(live: Live) -> None:
    plan = {"streams": ["eiger"], "events": 5, "size": 2}
    looked = shown(live, **plan)
    live.feeds["eiger"].send(series(5))
    first = live.post("plan/arm", json=plan).json()
    assert live.finished()["total_events"] == looked["total_events"] == 7
    for like in (first, None):  # while it is the present run, and when it is a past one
        live.feeds["eiger"].send(series(5))
        again = live.post("plan/arm", json={"like": like or first}).json()
        assert again != first
        assert live.finished()["reduced"] == 7
    assert shown(live, like=first) == looked


def test_one_run_is_told_of_with_its_parameters_and_its_coverage(live: Live) -> None:
    live.feeds["eiger"].send(series(3))
    first = live.arm(simple_map(3))
    live.finished()
    present = live.read(f"runs/{first}")
    assert present["map"] == "5 events: start, main, end"
    assert present["coverage"]
    assert [one["first_event"] for one in present["epochs"]] == [0]
    live.post("parameters", json={"gain": 7})
    live.feeds["eiger"].send(series(2))
    live.arm(simple_map(2))
    live.finished()
    assert live.read(f"runs/{first}") == present
    [line] = [one for one in live.read("runs") if one["run"] == first]
    assert {name: present[name] for name in line if name != "result"} == {
        name: line[name] for name in line if name != "result"
    }
    assert "there is no run 'x'" in live.refused(live.get("runs/x"), 404)


@given(
    events=st.one_of(st.none(), st.integers(1, 3000)),
    size=st.integers(1, 40),
    slow=st.integers(1, 12),
    at=st.integers(0, 2999),
)
def test_a_plan_means_so_many_events_in_batches_with_slow_packets_at_their_intervals(
    events: int | None, size: int, slow: int, at: int
) -> None:
    plan = Plan(streams=["fast", "slow"], events=events, size=size, every={"slow": slow})
    made = map_of(plan)
    assert made.total_events == (None if events is None else events + 2)
    at %= events or 3000
    (fast,) = made.cell("fast", 1 + at) or ()
    assert (made.cell("slow", 1 + at) is not None) == (at % slow == slow - 1)
    if at % size:
        before, now = made.locate(at), made.locate(1 + at)
        assert made.cell("fast", at) == (fast,)
        assert before.occurrence == now.occurrence

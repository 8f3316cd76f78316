"""The lag and the joined shares of a stream, computed from answers as they come."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace
from typing import Any

import pytest

from beamloom.control.views.flow import flow
from beamloom.engine.views.chronicle import Took


def ingester(name: str, *streams: str, host: str = "", offset: float | None = None) -> Any:
    register = SimpleNamespace(
        streams=dict.fromkeys(streams, "eiger"), host=host or socket.gethostname(), fault=None
    )
    return SimpleNamespace(peer=name, name=name, register=register, clock_offset=offset)


def pipeline(*ingesters: Any) -> Any:
    return SimpleNamespace(ensemble=SimpleNamespace(ingesters=list(ingesters)))


def active(*streams: str) -> Any:
    run = SimpleNamespace(run_id="r", layouts=dict.fromkeys(streams))
    chronicle = SimpleNamespace(taken_per_second=lambda seconds: 5.0)
    reports = SimpleNamespace(by_stream={})
    return SimpleNamespace(run=run, started_at=1.0, finished=False, chronicle=chronicle, reports=reports)


def said(seconds_ago: float | None, clock: float, **more: Any) -> dict[str, Any]:
    came = None if seconds_ago is None else {"at": clock - seconds_ago}
    usual = {
        "state": "receiving",
        "why": "",
        "events_per_second": 5.0,
        "seconds_since_last": 0.1,
        "came": came,
    }
    return {"streams": {"eiger": {**usual, **more}}}


def took(at: float) -> Took:
    return Took(at, "worker-1", 0, 3, 8)


def test_the_lag_begins_with_the_last_packet_of_the_event() -> None:
    now = time.time()
    one, other = ingester("a", "eiger"), ingester("b", "orca")
    answers = {
        "a": said(2.0, now),
        "b": {"streams": {"orca": said(0.5, now)["streams"]["eiger"]}},
    }
    lag = flow(pipeline(one, other), active("eiger", "orca"), took(now - 0.3), answers)["lag"]
    assert lag["seconds"] == pytest.approx(0.2)
    assert (lag["event"], lag["why"]) == (7, None)


def test_the_clock_of_another_machine_is_set_right_by_its_signs_of_life() -> None:
    now = time.time()
    there = ingester("a", "eiger", host="elsewhere", offset=100.0)
    lag = flow(pipeline(there), active("eiger"), took(now - 0.3), {"a": said(0.5, now + 100.0)})["lag"]
    assert lag["seconds"] == pytest.approx(0.2)


def test_a_result_before_its_packet_is_not_told() -> None:
    now = time.time()
    there = ingester("a", "eiger", host="elsewhere", offset=0.0)
    lag = flow(pipeline(there), active("eiger"), took(now - 0.3), {"a": said(0.5, now + 7.0)})["lag"]
    assert lag["seconds"] is None
    assert "clocks" in lag["why"]


def test_a_packet_that_nobody_remembers_makes_the_lag_unknown() -> None:
    now = time.time()
    answers = {"a": said(None, now, forgotten=True)}
    lag = flow(pipeline(ingester("a", "eiger")), active("eiger"), took(now), answers)["lag"]
    assert lag["seconds"] is None
    assert "too long ago" in lag["why"]


def test_a_stream_of_several_ingesters_has_the_figures_of_all_together() -> None:
    now = time.time()
    figures = {"packets_per_second": 10.0, "retained_bytes": 5, "retention_limit": 100, "last_number": 7}
    answers = {
        "a": said(0.5, now, **figures, layout=None),
        "b": said(None, now, **{**figures, "last_number": 9, "state": "silent", "why": "no packet comes"}),
    }
    told = flow(pipeline(ingester("a", "eiger"), ingester("b", "eiger")), active("eiger"), None, answers)
    one = told["streams"]["eiger"]
    assert one["ingesters"] == ["a", "b"]
    assert (one["packets_per_second"], one["retained_bytes"], one["retention_limit"]) == (20.0, 10, 200)
    assert (one["last_number"], one["events_per_second"], one["state"]) == (9, 5.0, "silent")
    assert told["rate_in"] == 5.0


def test_the_slowest_stream_of_which_more_is_to_come_sets_the_rate_in() -> None:
    now = time.time()
    everybody = pipeline(ingester("a", "eiger"), ingester("b", "orca"), ingester("c", "spare"))
    answers = {
        "a": said(None, now, events_per_second=0.0, state="complete"),
        "b": {"streams": {"orca": said(None, now, events_per_second=3.0)["streams"]["eiger"]}},
        "c": {"streams": {"spare": {"state": "idle"}}},
    }
    assert flow(everybody, active("eiger", "orca"), None, answers)["rate_in"] == 3.0
    assert flow(everybody, active("eiger", "orca"), None, {**answers, "b": None})["rate_in"] is None
    assert flow(everybody, active("eiger", "orca", "away"), None, answers)["rate_in"] is None


def test_a_stream_that_was_taken_up_is_as_far_as_the_one_before_had_told() -> None:
    going_on = active("eiger")
    going_on.reports.by_stream["eiger"] = SimpleNamespace(complete_until=40)
    for here, expected in ((0, 40), (41, 41)):
        answers = {"a": said(None, time.time(), complete_until=here)}
        told = flow(pipeline(ingester("a", "eiger")), going_on, None, answers)
        assert told["streams"]["eiger"]["complete_until"] == expected

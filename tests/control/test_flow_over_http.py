"""How data flows, as the API tells it of a pipeline in memory: rates, lag, and each stream."""

from __future__ import annotations

import time
from typing import Any

import pytest

from beamloom.services.ingester.service import IngesterService
from control.live import Live, simple_map
from services.bench import frame, series, start


def test_without_a_run_nothing_flows_and_that_is_said() -> None:
    with Live() as live:
        flow = live.read("flow")
        assert (flow["run"], flow["rate_in"], flow["rate_out"]) == (None, None, None)
        assert flow["lag"]["seconds"] is None
        assert "no result" in flow["lag"]["why"]
        assert flow["streams"]["eiger"]["state"] == "idle"
        assert flow["streams"]["eiger"]["device"] == "feed"


def test_the_lag_is_that_of_the_newest_result() -> None:
    with Live() as live:
        run = live.arm(simple_map(9))
        live.feeds["eiger"].send([start(), *map(frame, range(1, 4))])
        flow = live.wait_for("flow", lambda flow: flow["lag"]["event"] == 3)
        assert flow["run"] == run
        assert 0 <= flow["lag"]["seconds"] < 2
        assert flow["lag"]["why"] is None
        assert flow["rate_out"] > 0
        stream = flow["streams"]["eiger"]
        assert (stream["last_number"], stream["last_event"], stream["complete_until"]) == (3, 3, 4)
        assert stream["answered"]
        assert stream["retention_limit"] > 0


def test_a_packet_that_waited_for_workers_makes_the_lag_long() -> None:
    with Live() as live:
        live.arm(simple_map(9))
        live.do(lambda: live.bench.still.update({"worker-1", "worker-2"}))
        live.feeds["eiger"].send([start(), *map(frame, range(1, 4))])
        came = live.wait_for("flow", lambda flow: flow["streams"]["eiger"].get("last_event") == 3)["at"]
        live.wait_for("flow", lambda flow: flow["at"] - came > 0.5)
        live.do(live.bench.still.clear)
        flow = live.wait_for("flow", lambda flow: flow["lag"]["event"] == 3)
        assert 0.5 < flow["lag"]["seconds"] < flow["at"] - came + 2


def test_an_ingester_that_does_not_answer_makes_nothing_up() -> None:
    with Live() as live:
        live.arm(simple_map(9))
        live.feeds["eiger"].send([start(), frame(1)])
        live.wait_for("flow", lambda flow: flow["lag"]["event"] == 1)
        live.do(lambda: live.bench.still.add("eiger-ingester"))
        begun = time.monotonic()
        flow = live.read("flow")
        assert time.monotonic() - begun < 10
        assert not flow["streams"]["eiger"]["answered"]
        assert flow["streams"]["eiger"]["state"] == "unknown"
        assert (flow["rate_in"], flow["lag"]["seconds"]) == (None, None)
        assert "eiger" in flow["lag"]["why"]
        live.do(live.bench.still.clear)


def test_a_stream_says_when_it_is_silent_and_when_all_of_it_is_here() -> None:
    with Live() as live:
        live.arm(simple_map(3, "eiger", "orca"))
        assert (
            "no packet has come yet"
            in live.wait_for("flow", lambda flow: flow["streams"]["orca"]["state"] == "silent")["streams"][
                "orca"
            ]["why"]
        )
        live.feeds["eiger"].send(series(3))
        flow = live.wait_for("flow", lambda flow: flow["streams"]["eiger"]["state"] == "complete")
        assert flow["rate_in"] == 0.0
        live.feeds["orca"].send(series(3))
        live.finished()
        after = live.read("flow")
        assert after["finished"]
        assert {one["state"] for one in after["streams"].values()} == {"idle"}


def test_what_cannot_be_parsed_is_a_problem_of_the_layout_alone() -> None:
    with Live() as live:
        live.arm(simple_map(50))
        live.feeds["eiger"].send([start(), frame(1)])
        live.wait_for("flow", lambda flow: flow["lag"]["event"] == 1)
        live.feeds["eiger"].send([frame(2)])
        flow = live.wait_for("flow", lambda flow: flow["streams"]["eiger"].get("layout"))
        assert "problem" in flow["streams"]["eiger"]["layout"]


def test_the_time_of_processes_can_be_had_of_the_last_seconds() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(5))
        live.arm(simple_map(5))
        live.finished()
        load = live.read("load?stages=true&seconds=10")
        assert {"worker-1", "worker-2", "reducer", "eiger-ingester"} <= set(load)
        assert load["worker-1"]["memory_limit"] == 0
        assert "seconds is a time" in live.refused(live.get("load?stages=true&seconds=soon"), 400)


def test_a_device_that_went_away_is_named_with_the_reason() -> None:
    with Live() as live:
        live.arm(simple_map(9))
        live.feeds["eiger"].send([start(), frame(1)])
        live.wait_for("flow", lambda flow: flow["lag"]["event"] == 1)
        live.do(lambda: setattr(live.feeds["eiger"], "problem", "nothing listens at tcp://eiger:9999"))
        flow = live.wait_for("flow", lambda flow: flow["streams"]["eiger"]["state"] == "disconnected")
        assert flow["streams"]["eiger"]["why"] == "nothing listens at tcp://eiger:9999"


def test_an_answer_of_another_version_is_said_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(self: IngesterService, look: Any) -> dict[str, Any]:
        return {"streams": {name: {"state": "receiving"} for name in ("eiger", "orca")}}

    with Live() as live:
        live.arm(simple_map(9))
        with monkeypatch.context() as patch:
            patch.setattr(IngesterService, "_look", other)
            assert "KeyError: 'events_per_second'" in live.refused(live.get("flow"), 502)
        assert live.read("flow")["streams"]["eiger"]["answered"]

"""The picture of a run over HTTP: of none, of one that goes on, and of those that have ended."""

from __future__ import annotations

from typing import Any

import pytest

from control.live import Live, simple_map
from services.bench import series


def test_before_the_first_run_there_is_nothing_to_see_and_that_is_no_error() -> None:
    with Live() as live:
        seen = live.read("weave?bins=10")
        assert (seen["run"], seen["total_events"], seen["stages"], seen["overview"]) == (None, 0, [], None)
        assert "no run has been armed yet" in live.refused(live.get("weave?run=abc"), 404)


def test_the_columns_of_a_run_that_has_ended_say_what_its_ledger_says() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(5))
        run = live.arm(simple_map(5))
        live.finished()
        seen = live.read("weave?bins=4")
        ledger = live.read("ledger")
        assert (seen["run"], seen["over"], seen["total_events"]) == (run, True, 7)
        assert (seen["first"], seen["stop"]) == (0, 7)
        states = [seen["stage_names"][number] for number in seen["stages"]]
        assert states == ["reduced"] * 7
        assert ledger["reduced"] == [[0, 6]]
        assert [row["stream"] for row in seen["rows"]] == ["eiger"]
        assert [seen["packet_names"][number] for number in seen["rows"][0]["packets"]] == ["come"] * 7
        words = [seen["virtual_workers"][number] for number in seen["rows"][0]["wanted_by"]]
        assert words[0] == "all workers with generic"
        assert words[1:6] == [f"constraint {number} with generic" for number in range(5)]
        assert seen["overview"]["edges"] == [0, 1, 3, 5, 7]
        assert seen["overview"]["reduced"] == [1, 2, 2, 2]
        assert {"event": 6, "kind": "part", "text": "the end event"} in seen["marks"]


def test_each_event_names_the_worker_that_the_story_names() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(6))
        live.arm(simple_map(6))
        live.finished()
        seen = live.read("weave")
        several = set(seen["deliveries"]["event"])
        assert several == {0, 7}, "the start and the end event go to both workers"
        for event in range(seen["first"], seen["stop"]):
            attempts = live.read(f"events/{event}")["attempts"]
            worker = seen["workers"][seen["worker"][event]]
            assert worker["id"] == attempts[0]["worker"]
            assert seen["attempt"][event] == max(one["attempt"] for one in attempts)
            told = {
                seen["workers"][number]["id"]
                for one, number in zip(seen["deliveries"]["event"], seen["deliveries"]["worker"], strict=True)
                if one == event
            }
            assert told == ({one["worker"] for one in attempts} if event in several else set())


def test_a_run_before_the_last_one_looks_as_it_did_when_it_was_the_last() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(5))
        first = live.arm(simple_map(5))
        live.finished()
        before = live.read("weave?bins=3")
        live.feeds["eiger"].send(series(2))
        live.arm(simple_map(2))
        live.finished()
        after = live.read(f"weave?run={first[:8]}&bins=3")
        assert {**after, "at": 0} == {**before, "at": 0}
        assert live.read("weave")["total_events"] == 4


def test_a_window_begins_where_it_is_asked_to_and_ends_with_the_run() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(5))
        live.arm(simple_map(5))
        live.finished()
        seen = live.read("weave?from=5&count=10")
        assert (seen["first"], seen["stop"], len(seen["stages"])) == (5, 7, 2)
        behind = live.read("weave?from=100")
        assert behind["stages"] == []
        wide = live.read("weave?count=4096")
        assert wide["rows"][0]["wanted_by"] == []


def test_parameters_that_changed_are_marked_at_the_event_from_which_they_hold() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(5)[:3])
        live.arm(simple_map(5))
        live.wait_for("progress", lambda progress: progress["completed_events"] >= 3)
        assert live.post("parameters", json={"gain": 7}).status_code == 200
        live.feeds["eiger"].send(series(5)[3:])
        live.finished()
        [epoch] = [one for one in live.read("weave")["marks"] if one["kind"] == "epoch"]
        assert epoch["event"] == live.read("epochs")["epochs"][-1]["first_event"]


@pytest.mark.parametrize(
    "query", ["from=-1", "from=x", "count=0", "count=4097", "bins=-1", "bins=9999", "from=" + "9" * 50]
)
def test_a_window_that_makes_no_sense_is_refused_with_a_sentence(query: str) -> None:
    with Live() as live:
        sentence = live.refused(live.get(f"weave?{query}"), 400)
        assert query.partition("=")[0] in sentence
        assert "whole number" in sentence


ENDLESS: dict[str, Any] = {
    "parts": {"main": {"eiger": [[{"constraint": 0}]]}},
    "sequence": [{"part": "main", "repeat": None}],
}


def test_the_end_event_of_an_open_run_was_given_out_once_though_its_number_had_been_before() -> None:
    with Live() as live:
        live.arm(ENDLESS)
        live.wait_for("progress", lambda progress: progress["last_assigned"] > 4)
        live.feeds["eiger"].send(series(3))
        live.finished()
        seen = live.read("weave")
        assert (seen["total_events"], set(seen["attempt"])) == (5, {1})
        story = live.read("events/4")
        assert {one["attempt"] for one in story["attempts"]} == {1}
        assert story["part"]["name"] == "reserved_start_end"
        assert story["wanted"] == {"eiger": "all workers with generic"}


def test_an_open_run_is_seen_while_it_goes_on() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(100)[:6])
        live.arm(ENDLESS)

        def reduced(seen: Any) -> bool:
            names = [seen["stage_names"][number] for number in seen["stages"]]
            return names[:6] == ["reduced"] * 6

        seen = live.wait_for("weave?count=50&bins=5", reduced)
        assert (seen["total_events"], seen["over"]) == (None, False)
        assert len(seen["stages"]) == 50
        assert seen["rows"][0]["complete_until"] == 6
        assert seen["overview"]["edges"][-1] >= 6
        live.post("stop")
        live.finished()

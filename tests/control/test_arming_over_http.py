"""Trigger maps over HTTP: what is accepted, how it is shown again, and which sentence each wrong one is answered with."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from control.live import Live, simple_map
from services.bench import series


@pytest.fixture
def live() -> Iterator[Live]:
    with Live() as running:
        yield running


def test_a_map_is_armed_run_and_told_of(live: Live) -> None:
    live.feeds["eiger"].send(series(5))
    live.feeds["orca"].send(series(5))
    run = live.arm(simple_map(5, "eiger", "orca"))
    assert live.finished() == {
        "last_assigned": 7, "completed_events": 7, "total_events": 7, "finished": True, "run": run,
        "phase": "finished", "reduced": 7, "failed": 0, "lost": 0, "pending": 0, "assigned": 0, "redelivered": 0,
        "handed_back": 0, "quarantined": 0,
        "errors": [], "losses": [], "stopped": None, "aborted": False, "degraded": None, "max_failed": None, "stalled": [], "waits_for": [],
    }  # fmt: skip


def test_before_the_first_run_there_is_nothing_and_it_is_not_finished(live: Live) -> None:
    progress = live.read("progress")
    assert (progress["last_assigned"], progress["completed_events"], progress["total_events"]) == (0, 0, 0)
    assert progress["finished"] is False
    assert progress["phase"] == "idle"
    assert live.read("sequence") == {"parts": {}, "sequence": []}
    assert live.read("runs") == []
    assert live.read("errors") == []
    assert live.read("streams") == {}
    assert live.read("ledger")["reduced"] == []
    status = live.read("status")
    processes = {"eiger-ingester", "orca-ingester", "worker-1", "worker-2", "reducer"}
    assert set(status.pop("waits")) == processes
    assert status == {
        "work_completed": {}, "last_assigned": 0, "assignment": [], "completed_events": [], "finished": False,
        "processing_times": {}, "self_arming": {"waiting": [], "problem": None}, "alarms": {}, "waits_for": [],
        "quarantined": [], "degraded": None, "max_failed": None, "stalled": [],
    }  # fmt: skip


def test_the_map_is_shown_as_it_runs_with_the_start_and_the_end_event(live: Live) -> None:
    live.arm(simple_map(2))
    cells = [[{"tags": ["generic"], "constraint": n}] for n in range(2)]
    around = {"eiger": [[{"tags": ["generic"], "constraint": None}]]}
    shown = live.read("sequence")
    assert shown == {
        "parts": {"main": {"mapping": {"eiger": cells}}, "reserved_start_end": {"mapping": around}},
        "sequence": ["reserved_start_end", "main", "reserved_start_end"],
    }
    assert live.read("mapping") == shown


@pytest.mark.parametrize("all_wrap", ["true", "false"])
def test_the_map_that_is_shown_can_be_posted_back(live: Live, all_wrap: str) -> None:
    part = {"eiger": [[{"constraint": 0}], None, []], "orca": [[], [{"tags": ["generic"]}], None]}
    body = {"parts": {"line": part, "back": {"eiger": [[]]}}, "sequence": ["line", "back", "line", "line"]}
    live.arm(body, all_wrap=all_wrap)
    shown, events = live.read("sequence"), live.read("progress")["total_events"]
    assert events == (12 if all_wrap == "true" else 10)
    live.arm(shown)
    assert live.read("progress")["total_events"] == events + (0 if all_wrap == "true" else 2)
    live.arm(shown, all_wrap="false")
    assert live.read("progress")["total_events"] == events
    assert live.read("sequence") == shown


def test_the_deprecated_mapping_is_a_map_of_one_part(live: Live) -> None:
    answer = live.post("mapping?all_wrap=false", json={"eiger": [[{"constraint": 1}]] * 3})
    assert answer.status_code == 200
    assert live.read("progress")["run"] == answer.json()
    assert live.read("progress")["total_events"] == 3
    assert live.read("sequence")["sequence"] == ["main"]


def test_an_open_ended_map_runs_until_it_is_stopped(live: Live) -> None:
    live.feeds["eiger"].send(series(9)[:6])
    body = simple_map(2) | {"sequence": [{"part": "main", "repeat": None}]}
    live.arm(body)
    assert live.read("progress")["total_events"] is None
    assert live.read("sequence")["sequence"][1] == {"part": "main", "repeat": None}
    live.wait_for("progress", lambda progress: progress["completed_events"] == 6)
    assert live.post("stop").json() is None
    ended = live.finished()
    assert (ended["total_events"], ended["reduced"], ended["lost"]) == (6, 6, 0)
    assert ended["stopped"] == "asked to stop over HTTP"


def test_a_map_of_ten_million_events_is_armed_as_fast_as_a_small_one(live: Live) -> None:
    body = simple_map(100) | {"sequence": [{"part": "main", "repeat": 100_000}]}
    live.arm(body)
    assert live.read("progress")["total_events"] == 10_000_002
    assert live.read("ledger")["total_events"] == 10_000_002
    assert len(live.get("sequence").content) < 10_000


CELL = [{"constraint": 0}]
WRONG: dict[str, tuple[str | dict[str, Any], list[str]]] = {
    "not JSON": ("{'parts'", ["the trigger map is not readable as JSON"]),
    "nothing": ("", ["the trigger map is not readable as JSON"]),
    "a number": ("7", ["the trigger map"]),
    "a list": ("[]", ["the trigger map"]),
    "not UTF-8": ("\udcff", ["not readable as JSON"]),
    "no sequence": ({"parts": {}}, ["sequence"]),
    "no parts": ({"parts": {}, "sequence": []}, ["has no parts; give at least one part"]),
    "an empty sequence": (simple_map(1) | {"sequence": []}, ["the sequence of the trigger map is empty"]),
    "a part as a list": ({"parts": {"a": []}, "sequence": ["a"]}, ["part 'a'", "a part is {stream"]),
    "a cell as a number": (
        {"parts": {"a": {"eiger": [CELL, 3]}}, "sequence": ["a"]},
        ["stream 'eiger'", "cell 1"],
    ),
    "a constraint as text": (
        {"parts": {"a": {"eiger": [[{"constraint": "x"}]]}}, "sequence": ["a"]},
        ["stream 'eiger'", "cell 0"],
    ),
    "a misspelt key": (
        {"parts": {"a": {"eiger": [[{"constriant": 1}]]}}, "sequence": ["a"]},
        ["cell 0", "constriant"],
    ),
    "tags as text": (
        {"parts": {"a": {"eiger": [[{"tags": "generic"}]]}}, "sequence": ["a"]},
        ["cell 0"],
    ),
    "unequal lengths": (
        {"parts": {"a": {"eiger": [CELL] * 2, "orca": [CELL] * 3}}, "sequence": ["a"]},
        ["'a'", "'eiger'", "'orca'", "2", "3"],
    ),
    "an unknown part": (
        simple_map(1) | {"sequence": ["mian"]},
        ["names the part 'mian', which is not among the parts", "did you mean 'main'?"],
    ),
    "a negative repeat": (
        simple_map(1) | {"sequence": [{"part": "main", "repeat": -2}]},
        ["part 'main' is to repeat -2 times"],
    ),
    "a repeat as text": (simple_map(1) | {"sequence": [{"part": "main", "repeat": "2"}]}, ["sequence[0]"]),
    "an open repeat in the middle": (
        simple_map(1) | {"sequence": [{"part": "main", "repeat": None}, "main"]},
        ["is not the last entry"],
    ),
    "an unknown stream": (simple_map(1, "eigre"), ["'eigre' not available", "did you mean 'eiger'?"]),
    "two unknown streams": (simple_map(1, "a", "b"), ["'a', 'b'", "start an ingester for them"]),
    "a tag that nobody has": (
        {"parts": {"a": {"eiger": [CELL, [{"tags": ["gpu"]}]]}}, "sequence": ["a"]},
        ["event 1 of part 'a'", "gpu", "start a worker with"],
    ),
    "more constraints than workers": (
        {"parts": {"a": {"eiger": [[{"constraint": n} for n in range(3)]]}}, "sequence": ["a"]},
        ["needs 3 different workers", "but only 2"],
    ),
    "the reserved name": (
        {"parts": {"reserved_start_end": {"eiger": [CELL]}}, "sequence": ["reserved_start_end"]},
        ["'reserved_start_end' is kept"],
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_map_is_answered_with_a_sentence(live: Live, what: str) -> None:
    body, words = WRONG[what]
    content = {"data": body.encode(errors="surrogateescape")} if isinstance(body, str) else {"json": body}
    sentence = live.refused(live.post("sequence", **content), 400)
    assert [word for word in words if word not in sentence] == [], sentence
    assert live.read("progress")["phase"] == "idle"


def test_a_wrong_mapping_is_answered_with_a_sentence(live: Live) -> None:
    assert "cell 0" in live.refused(live.post("mapping", json={"eiger": [7]}), 400)
    assert "not readable as JSON" in live.refused(live.post("mapping", data=b"x"), 400)


def test_a_wrong_flag_is_answered_with_a_sentence(live: Live) -> None:
    sentence = live.refused(live.post("sequence?all_wrap=perhaps", json=simple_map(1)), 400)
    assert sentence == "all_wrap is true or false, not 'perhaps'"


def test_without_a_reducer_there_is_no_run() -> None:
    with Live(reducer=None) as live:
        sentence = live.refused(live.post("sequence", json=simple_map(1)), 409)
        assert sentence == "there is no reducer; start one with 'beamloom reducer'"
        health = live.get("health")
        assert health.status_code == 503
        assert health.json()["problems"] == ["no reducer takes part; start one with 'beamloom reducer'"]


def test_a_device_that_is_not_there_is_named(live: Live) -> None:
    live.feeds["orca"].problem = "nobody answers at tcp://orca:9999; is it switched on?"
    sentence = live.refused(live.post("sequence", json=simple_map(1, "eiger", "orca")), 424)
    assert sentence.endswith("stream 'orca': nobody answers at tcp://orca:9999; is it switched on?")
    live.arm(simple_map(1))


def test_a_process_that_does_not_answer_is_named() -> None:
    with Live() as live:
        live.do(lambda: live.bench.still.add("worker-2"))
        sentence = live.refused(live.post("sequence", json=simple_map(1)), 424)
        assert "no answer in time from worker-2" in sentence


def test_user_code_that_cannot_begin_is_told_to_whoever_arms() -> None:
    class Broken:
        def __init__(self) -> None:
            raise OSError("calibration.npy is not there")

        def process_event(self, event: object) -> None: ...

    with Live(Broken) as live:
        sentence = live.refused(live.post("sequence", json=simple_map(1)), 409)
        assert sentence == (
            "the run was not armed: Broken.__init__ failed: OSError: calibration.npy is not there"
        )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"streams": ["eiger"]}, "no scan info"),
        ({"streams": ["eiger"], "scan": {}}, "no nb_points in scan"),
        ({"scan": {"nb_points": 5}}, "streams required"),
        ([], "no scan info"),
    ],
)
def test_the_sardana_hook_answers_what_is_missing_as_it_always_did(live: Live, body: Any, text: str) -> None:
    answer = live.post("sardana_hook", json=body)
    assert (answer.status_code, answer.json()) == (200, text)


def test_the_sardana_hook_arms_as_many_events_as_the_scan_has_points(live: Live) -> None:
    body = {"streams": ["eiger", "not-here"], "scan": {"nb_points": 12, "title": "ascan"}}
    answer = live.post("sardana_hook", json=body)
    assert answer.status_code == 200
    progress = live.read("progress")
    assert (progress["run"], progress["total_events"]) == (answer.json(), 14)
    assert list(live.read("sequence")["parts"]["main"]["mapping"]) == ["eiger"]


@pytest.mark.parametrize("points", [0, -1, 2.5, "7", True, None])
def test_the_sardana_hook_refuses_a_wrong_number_of_points(live: Live, points: Any) -> None:
    body = {"streams": ["eiger"], "scan": {"nb_points": points}}
    assert "nb_points is" in live.refused(live.post("sardana_hook", json=body), 400)


@pytest.mark.parametrize("streams", [["nobody"], [], [7], [["eiger"]]])
def test_the_sardana_hook_refuses_streams_that_are_not_there(live: Live, streams: Any) -> None:
    body = {"streams": streams, "scan": {"nb_points": 5}}
    assert "streams" in live.refused(live.post("sardana_hook", json=body), 400)
    assert "not JSON" in live.refused(live.post("sardana_hook", data=b"{"), 400)


def test_a_huge_scan_by_the_sardana_hook_is_kept_compact(live: Live) -> None:
    body = {"streams": ["eiger"], "scan": {"nb_points": 10**9}}
    assert live.post("sardana_hook", json=body).status_code == 200
    assert live.read("progress")["total_events"] == 10**9 + 2


def test_of_two_maps_at_once_one_runs_and_the_other_is_refused_or_replaced(live: Live) -> None:
    with ThreadPoolExecutor(4) as people:
        answers = list(people.map(lambda n: live.post("sequence", json=simple_map(n)), range(1, 5)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    armed = [answer.json() for answer in answers if answer.status_code == 200]
    assert live.read("progress")["run"] in armed
    assert all(answer.json()["detail"] for answer in answers if answer.status_code == 409)


def test_a_new_map_takes_the_place_of_a_run_that_goes_on(live: Live) -> None:
    first = live.arm(simple_map(10))
    second = live.arm(simple_map(3))
    live.feeds["eiger"].send(series(3))
    live.finished()
    newest, before = live.read("runs")
    assert (newest["run"], newest["reduced"], newest["lost"]) == (second, 5, 0)
    assert (before["run"], before["total_events"], before["lost"]) == (first, 12, 12)
    assert before["finished_at"] is not None

"""Feedback of the analysis over HTTP: asked for, as server-sent events, over a WebSocket and with the client, all the same."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import requests
from websockets.sync.client import connect as connect_socket

import beamloom
from beamloom.analysis import GiveFeedback
from beamloom.client import Feedback
from beamloom.events import Result
from beamloom.triggermap import uniform
from control.live import Live, simple_map
from services.bench import Gathering, frame, series
from support.patience import PATIENCE

EVENTS = 12


class Advising(Gathering):
    """Says where to go next with each event."""

    feedback: GiveFeedback

    def process_result(self, result: Result) -> None:
        super().process_result(result)
        self.feedback("next_position", x=np.float32(result.event_number), path=np.arange(2))

    def finish(self) -> None:
        super().finish()
        self.feedback("quality_reached", "in the end")


class Stopping(Gathering):
    """Has the run stopped as soon as it has seen three results."""

    feedback: GiveFeedback

    def process_result(self, result: Result) -> None:
        super().process_result(result)
        if self.publish["count"] == 3:
            self.feedback("stop", "three are enough")


def play(live: Live) -> str:
    """A whole run of twelve frames and the events around them."""
    run: str = live.arm(json.loads(uniform(["eiger"], EVENTS).encode()), all_wrap="false")
    live.do(lambda: live.feeds["eiger"].send(series(EVENTS)))
    live.finished()
    return run


def summary(pieces: list[Any]) -> list[tuple[int, str]]:
    return [(one["number"], one["kind"]) for one in pieces]


EXPECTED = [*((number, "next_position") for number in range(1, EVENTS + 3)), (EVENTS + 3, "quality_reached")]


def test_before_the_first_run_there_is_nothing_to_tell() -> None:
    with Live(reducer=Advising) as live:
        nothing = {"feedback": [], "place": ":0", "over": False, "missed": 0}
        assert live.read("feedback") == live.read("feedback?run=last&wait=0.01") == nothing


def test_feedback_of_a_run_is_kept_and_asked_for_piece_by_piece() -> None:
    with Live(reducer=Advising, workers=("worker-1",)) as live:
        run = play(live)
        told = live.read(f"feedback?run={run}")
        assert summary(told["feedback"]) == EXPECTED
        assert (told["over"], told["missed"], told["place"]) == (True, 0, f"{run}:{EVENTS + 3}")
        first = told["feedback"][0]
        assert first["payload"] == {"x": float(first["event"]), "path": [0, 1]}
        assert first["by"] == "reducer"
        assert told["feedback"][-1]["payload"] == "in the end"
        assert told["feedback"][-1]["event"] is None
        assert summary(live.read(f"feedback?after={run}:10")["feedback"]) == EXPECTED[10:]
        assert summary(live.read("feedback?after=10")["feedback"]) == EXPECTED[10:]
        assert summary(live.read("feedback?run=last&kind=quality_reached")["feedback"]) == EXPECTED[-1:]
        assert summary(live.read(f"feedback?run={run}&last=2")["feedback"]) == EXPECTED[-2:]
        assert live.read("feedback")["feedback"] == []  # it is over: only what comes


def test_who_was_away_while_the_next_run_was_armed_goes_on_where_it_was() -> None:
    with Live(reducer=Advising, workers=("worker-1",)) as live:
        first = play(live)
        second = play(live)
        told = live.read(f"feedback?after={first}:13")["feedback"]
        assert [one["run"] for one in told] == [first] * 2 + [second] * len(EXPECTED)
        assert summary(told) == EXPECTED[13:] + EXPECTED


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("after=yesterday", "number of a piece"),
        ("wait=forever", "0 to 60 seconds"),
        ("wait=-1", "0 to 60 seconds"),
        ("run=none-such", "no run 'none-such'"),
        ("last=all", "how many of the latest"),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_ask(query: str, words: str) -> None:
    with Live(reducer=Advising, workers=("worker-1",)) as live:
        answer = live.get(f"feedback?{query}")
        assert answer.status_code in (400, 404), answer.text
        assert words in answer.json()["detail"]


def test_the_analysis_stops_the_run_and_its_end_names_the_reason() -> None:
    with Live(reducer=Stopping) as live:
        live.arm(simple_map(EVENTS))
        live.do(lambda: live.feeds["eiger"].send(frame(number) for number in range(1, 6)))
        end = live.finished()
        assert end["stopped"] == "the analysis said stop: three are enough"
        assert end["reduced"] + end["lost"] == end["total_events"]
        assert end["reduced"] >= 3
        assert not end["aborted"]
        (line,) = live.read("runs")
        assert (line["outcome"], line["stopped"]) == ("stopped", "the analysis said stop: three are enough")


class Worried(Gathering):
    """Is worried by each result."""

    feedback: GiveFeedback

    def process_result(self, result: Result) -> None:
        super().process_result(result)
        self.feedback("warning", level=result.event_number)


def test_the_doctor_tells_of_warnings_while_the_run_goes_on() -> None:
    with Live(reducer=Worried) as live:
        live.arm(simple_map(EVENTS), all_wrap="false")
        live.do(lambda: live.feeds["eiger"].send(frame(number) for number in range(1, 4)))
        found = live.wait_for("doctor", lambda told: len(warnings_in(told)) == 1)
        live.wait_for("doctor", lambda told: "2 times before" in warnings_in(told)[0]["what"])
        (warning,) = warnings_in(found)
        assert warning["what"].startswith("the analysis gives a warning at event ")
        assert warning["gravity"] == "warning"
        live.post("stop")
        live.finished()
        live.wait_for("doctor", lambda told: warnings_in(told) == [])


def warnings_in(told: Any) -> list[Any]:
    return [one for one in told["findings"] if one["check"] == "analysis-warns"]


def test_a_stream_of_events_goes_on_behind_the_last_one_that_was_seen() -> None:
    with Live(reducer=Advising, workers=("worker-1",)) as live:
        run = play(live)
        ids = stream_of(live, f"feedback/stream?run={run}")
        assert ids == [("feedback", f"{run}:{number}") for number, _ in EXPECTED] + [
            ("over", f"{run}:{len(EXPECTED)}")
        ]
        again = stream_of(live, f"feedback/stream?run={run}", {"Last-Event-ID": f"{run}:9"})
        assert again == ids[9:]


def stream_of(live: Live, path: str, headers: dict[str, str] | None = None) -> list[tuple[str, str]]:
    """Kind and id of all server-sent events, until the stream ends."""
    found: list[tuple[str, str]] = []
    place = ""
    with requests.get(live.url(path), stream=True, timeout=PATIENCE, headers=headers) as answer:
        assert answer.status_code == 200, answer.text
        for line in answer.iter_lines(decode_unicode=True):
            if line.startswith("id: "):
                place = line[4:]
            elif line.startswith("event: "):
                found.append((line[7:], place))
    return found


def test_a_websocket_tells_the_same() -> None:
    with Live(reducer=Advising, workers=("worker-1",)) as live:
        run = play(live)
        address = live.url(f"feedback/stream?run={run}").replace("http", "ws", 1)
        with connect_socket(address, proxy=None) as socket:
            messages = [json.loads(text) for text in socket]
        assert [one["type"] for one in messages] == ["feedback"] * len(EXPECTED) + ["over"]
        assert summary(messages[:-1]) == EXPECTED


def test_the_client_gives_feedback_while_the_run_goes_on() -> None:
    with Live(reducer=Advising, workers=("worker-1",)) as live, beamloom.connect(live.root) as pipeline:
        heard: list[Feedback] = []
        with pipeline.on_feedback(heard.append, "quality_reached") as follower:
            run = live.arm(json.loads(uniform(["eiger"], EVENTS).encode()), all_wrap="false")
            pieces = pipeline.feedback(run=run, timeout=PATIENCE)
            live.do(lambda: live.feeds["eiger"].send(series(EVENTS)[:4]))
            assert [next(pieces).number for _ in range(4)] == [1, 2, 3, 4]
            live.do(lambda: live.feeds["eiger"].send(series(EVENTS)[4:]))
            rest = list(pieces)
            assert [one.number for one in rest] == list(range(5, len(EXPECTED) + 1))
            assert follower.is_running
            assert [one.number for one in pipeline.feedback(run=run, after=rest[-3])] == [14, 15]
            live.wait_for("progress", lambda _: bool(heard))
        assert [(one.kind, one.payload) for one in heard] == [("quality_reached", "in the end")]


def test_the_client_says_when_nothing_comes_in_time() -> None:
    with Live(reducer=Advising, workers=("worker-1",)) as live, beamloom.connect(live.root) as pipeline:
        with pytest.raises(beamloom.TimedOut, match=r"no feedback \(stop\) for 0.1 s"):
            next(pipeline.feedback("stop", timeout=0.1))
        with pytest.raises(beamloom.PipelineError, match="no run 'gone'"):
            next(pipeline.feedback(run="gone", timeout=PATIENCE))

"""What the API says of a run, of the processes and of the logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from beamloom.events import Event
from beamloom.settings import ControllerSettings
from control.live import Live, simple_map
from services.bench import Doubling, Feed, frame, series, start
from support.patience import PATIENCE


def end_commands(live: Live) -> None:
    """What a controller does first when it ends."""
    controller: Any = live.bench.controller
    live.do(lambda: controller._commands.end("told to end"))


class Failing(Doubling):
    def process_event(self, event: Event) -> int:  # type: ignore[override]
        if event.event_number in (2, 3, 5):
            raise ValueError("the spectrum is empty")
        return event.event_number


class CountingFeed(Feed):
    """A device whose source knows of messages that belong to no run, and of its connection."""

    def __init__(self) -> None:
        super().__init__()
        self.discarded_before_start = 0
        self.reconnects = 0


@pytest.fixture
def live() -> Iterator[Live]:
    with Live() as running:
        yield running


@pytest.fixture
def troubled() -> Iterator[Live]:
    """A run of ten events, three of which fail, and one that the device skipped."""
    with Live(Failing) as running:
        packets = series(10)
        del packets[7]
        running.feeds["eiger"].send(packets)
        running.arm(simple_map(10))
        running.finished()
        yield running


def test_progress_tells_failures_and_losses_in_groups(troubled: Live) -> None:
    progress = troubled.read("progress")
    assert (progress["reduced"], progress["failed"], progress["lost"]) == (8, 3, 1)
    (error,) = progress["errors"]
    assert error == {
        "where": "Failing.process_event",
        "error": "ValueError",
        "message": "the spectrum is empty",
        "events": "2-3, 5",
        "count": 3,
    }
    (loss,) = progress["losses"]
    assert (loss["events"], loss["count"]) == ("7", 1)
    assert "eiger" in loss["cause"]


def test_errors_are_told_with_traceback_worker_and_events(troubled: Live) -> None:
    (error,) = troubled.read("errors")
    assert error["events"] == [2, 3, 5]
    assert error["worker"] in ("worker-1", "worker-2")
    assert 'raise ValueError("the spectrum is empty")' in error["traceback"]
    assert set(error) == {
        "signature", "where", "error", "message", "place", "traceback", "worker", "workers", "count", "events", "ranges",
        "first_event", "last_event", "capsules", "what_to_do",
    }  # fmt: skip
    assert (error["first_event"], error["last_event"], error["ranges"]) == (2, 5, [[2, 3], [5, 5]])
    assert error["worker"] in error["workers"]
    assert error["place"].endswith(" in process_event")
    assert troubled.read("errors?listed=false") == [{**error, "events": []}]
    assert error["what_to_do"].endswith(".")


def test_errors_of_runs_before_are_told_by_their_id(troubled: Live) -> None:
    before = troubled.read("errors")
    first = troubled.read("progress")["run"]
    troubled.feeds["eiger"].send(series(1))
    troubled.arm(simple_map(1))
    troubled.finished()
    assert [error["events"] for error in troubled.read("errors")] == [[2]]
    assert troubled.read(f"errors?run={first}") == before
    assert "there is no run 'x'" in troubled.refused(troubled.get("errors?run=x"), 404)


@pytest.mark.parametrize(
    ("max_failed", "degraded"), [("3", False), ("2", True), ("30%", False), ("20%", True)]
)
def test_a_run_of_which_more_events_fail_than_it_may_is_degraded(max_failed: str, degraded: bool) -> None:
    with Live(Failing) as live:
        live.feeds["eiger"].send(series(10))
        live.arm(simple_map(10), max_failed=max_failed)
        end = live.finished()
        assert (end["failed"], end["max_failed"], end["stopped"]) == (3, max_failed, None)
        assert (end["degraded"] is not None) == degraded
        assert live.read("status")["degraded"] == live.read("runs")[0]["degraded"] == end["degraded"]
        assert not degraded or f"more than max_failed ({max_failed})" in end["degraded"]


def test_a_run_of_which_too_many_events_fail_is_stopped_where_that_is_asked_for() -> None:
    with Live(
        Failing, settings=ControllerSettings(arm_timeout=0.2, max_failed=0, on_max_failed="stop")
    ) as live:
        live.feeds["eiger"].send(series(10)[:6])  # the rest never comes: only stopping can end the run
        live.arm(simple_map(10))
        end = live.finished()
        assert end["stopped"].startswith("too many events failed: ")
        assert end["reduced"] + end["failed"] + end["lost"] == 12
        assert end["failed"] > 0
        assert not end["aborted"]


def test_a_budget_that_is_none_is_refused_with_a_sentence() -> None:
    with Live() as live:
        for given in (
            {"max_failed": "many"},
            {"max_failed": "101%"},
            {"max_failed": "1.5"},
            {"on_max_failed": "explode"},
        ):
            answer = live.post("sequence", json=simple_map(1), params=given)
            assert next(iter(given)) in live.refused(answer, 400)
        assert live.read("progress")["run"] is None


def test_the_ledger_gives_ranges_with_both_ends(troubled: Live) -> None:
    ledger = troubled.read("ledger")
    assert ledger["total_events"] == ledger["assigned_until"] == 12
    assert ledger["reduced"] == [[0, 1], [4, 4], [6, 6], [8, 11]]
    assert ledger["failed"] == [[2, 3], [5, 5]]
    assert [loss["events"] for loss in ledger["lost"]] == [[7, 7]]


def test_streams_are_counted(troubled: Live) -> None:
    eiger = troubled.read("streams")["eiger"]
    assert (eiger["packets"], eiger["gaps"], eiger["complete_until"], eiger["ended"]) == (11, 1, 12, True)


def test_what_came_before_the_start_and_broken_connections_are_told_of_sources_that_count_them() -> None:
    joined = CountingFeed()
    with Live(streams={"eiger": joined, "orca": Feed()}) as live:
        live.arm(simple_map(3, "eiger", "orca"))
        # The detector is in the middle of a series: nothing comes for this run, and that has to be seen.
        joined.discarded_before_start = 40
        live.wait_for("streams", lambda streams: streams.get("eiger", {}).get("discarded_before_start") == 40)
        joined.reconnects = 1
        told = live.wait_for("streams", lambda streams: streams["eiger"]["reconnects"] == 1)
        assert told["eiger"]["packets"] == 0
        assert (told["orca"]["discarded_before_start"], told["orca"]["reconnects"]) == (None, None)


def test_runs_are_listed_newest_first(live: Live) -> None:
    runs = []
    for events in (1, 2, 3):
        live.feeds["eiger"].send(series(events))
        runs.append(live.arm(simple_map(events)))
        live.finished()
    listed = live.read("runs")
    assert [run["run"] for run in listed] == runs[::-1]
    assert [run["total_events"] for run in listed] == [5, 4, 3]
    assert all(run["seconds"] == run["finished_at"] - run["started_at"] >= 0 for run in listed)
    assert listed[0]["streams"] == ["eiger"]


def test_config_has_the_keys_that_existing_tools_read(live: Live) -> None:
    live.arm(simple_map(3))
    config = live.read("config")
    assert set(config) >= {
        "ingesters", "workers", "reducer", "controller_version", "parameters_version", "parameters_hash",
    }  # fmt: skip
    common = {
        "service_uuid", "mapping_uuid", "dranspose_version", "mapreduce_version", "parameters_hash", "processed_events",
        "event_rate", "name",
    }  # fmt: skip
    assert [sorted(one["streams"]) for one in config["ingesters"]] == [["eiger"], ["orca"]]
    for ingester in config["ingesters"]:
        assert set(ingester) >= common | {"url", "connected_workers", "streams"}
        assert [peer["name"] for peer in ingester["connected_workers"].values()] == ["worker-1", "worker-2"]
        for uuid, peer in ingester["connected_workers"].items():
            assert set(peer) == {"name", "service_uuid", "last_seen"}
            assert peer["service_uuid"] == uuid
    for worker in config["workers"]:
        assert set(worker) >= common | {"ingesters", "tags"}
        assert worker["tags"] == ["generic"]
    assert set(config["reducer"]) >= common | {"url"}
    assert config["reducer"]["mapping_uuid"] == live.read("progress")["run"]
    assert set(config["parameters_version"]) == {"gain"}


def test_status_has_the_keys_that_existing_tools_read(troubled: Live) -> None:
    status = troubled.read("status")
    assert set(status) >= {
        "work_completed", "last_assigned", "assignment", "completed_events", "finished", "processing_times",
    }  # fmt: skip
    assert status["completed_events"] == list(range(12))
    assert status["finished"] is True
    for times in status["processing_times"].values():
        for one in times.values():
            assert set(one) == {
                "get_assignments", "get_messages", "assemble_event", "custom_code", "send_result", "no_events",
            }  # fmt: skip


def test_load_is_given_for_the_intervals_that_are_asked_for(live: Live) -> None:
    live.feeds["eiger"].send(series(30))
    live.arm(simple_map(30))
    live.finished()
    load = live.wait_for("load", worked_on(34))
    assert set(load) == {"worker-1", "worker-2"}
    for worker in load.values():
        assert set(worker) == {"last_event", "intervals"}
        assert worker["last_event"] == 31
        assert set(worker["intervals"]) == {"1", "10", "scan"}
        for interval in worker["intervals"].values():
            assert 0 <= interval["active"] <= interval["total"]
    chosen = live.read("load?intervals=3&scan=false")
    assert all(set(worker["intervals"]) == {"3"} for worker in chosen.values())
    assert "whole numbers" in live.refused(live.get("load?intervals=ten"), 400)


def test_load_tells_of_every_process_where_its_time_goes(live: Live) -> None:
    live.feeds["eiger"].send(series(30))
    live.arm(simple_map(30))
    live.finished()
    load = live.wait_for("load?stages=true", lambda load: load["reducer"]["events"] == 34)
    assert {one["role"] for one in load.values()} == {"controller", "ingester", "worker", "reducer"}
    assert load["controller"]["events"] == 32
    assert load["eiger-ingester"]["events"] == 32
    assert {"reading", "sending"} < set(load["eiger-ingester"]["stages"])
    assert {"user", "sending"} < set(load["worker-1"]["stages"])
    for one in load.values():
        assert set(one) >= {"cpu_seconds", "loop_cpu_seconds", "queued_seconds", "last_event", "intervals"}
        assert min(one["stages"].values()) >= 0
        assert one["messages"]["messages_received"] > 0
        assert one["messages"]["messages_sent"] > 0
        assert min(one["queues"].values()) >= 0
    assert set(load["worker-1"]["intervals"]) == {"1", "10", "scan"}
    figures = live.get("../../metrics").text
    for name in load:
        assert f'beamloom_process_cpu_seconds{{process="{name}"' in figures


def worked_on(deliveries: int) -> Callable[[Any], bool]:
    """Whether the workers have worked on so many deliveries in this scan."""
    return lambda load: sum(worker["intervals"]["scan"]["events"] for worker in load.values()) == deliveries


def test_load_of_the_scan_is_of_this_scan(live: Live) -> None:
    for events in (30, 4):
        live.feeds["eiger"].send(series(events))
        live.arm(simple_map(events))
        live.finished()
        live.wait_for("load", worked_on(events + 2 * 2))


def test_health_says_what_is_in_the_way_of_a_run() -> None:
    with Live(workers=[], streams={}, reducer=None) as live:
        answer = live.get("health")
        assert answer.status_code == 503
        assert answer.json() == {
            "ready": False,
            "problems": [
                "no reducer takes part; start one with 'beamloom reducer'",
                "no worker takes part; start one with 'beamloom worker'",
                "no ingester takes part; start one with 'beamloom ingester'",
            ],
            "processes": 0,
        }


def test_health_is_good_when_a_run_can_be_armed(live: Live) -> None:
    assert live.read("health") == {"ready": True, "problems": [], "processes": 5}


def test_a_run_that_lost_its_worker_says_what_was_leased_again(live: Live) -> None:
    live.feeds["eiger"].send([start(), *map(frame, range(1, 11))])
    live.arm(simple_map(40))
    live.wait_for("progress", lambda progress: progress["reduced"] == 11)
    live.do(lambda: live.bench.kill("worker-1"))
    live.feeds["eiger"].send(series(40)[11:])
    progress = live.finished()
    assert (progress["reduced"], progress["lost"]) == (42, 0)
    assert progress["redelivered"] > 0
    assert [worker["name"] for worker in live.read("config")["workers"]] == ["worker-2"]


def says(message: str) -> Callable[[Any], bool]:
    """Whether a message is among the lines of a log."""
    return lambda lines: any(line["msg"] == message for line in lines)


@pytest.fixture
def speaking() -> Iterator[logging.Logger]:
    """The controller's process logs from INFO on, as the command line sets it up."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    yield logging.getLogger("site.test")
    root.setLevel(before)


def test_logs_are_lines_with_texts_oldest_first(speaking: logging.Logger, live: Live) -> None:
    speaking.warning("the cryostream is low")
    speaking.info("refilled")
    lines = live.wait_for("logs", says("refilled"))
    mine = [line for line in lines if line["name"] == "site.test"]
    assert [line["msg"] for line in mine] == ["the cryostream is low", "refilled"]
    assert [line["levelname"] for line in mine] == ["WARNING", "INFO"]
    assert set(mine[0]) >= {"msg", "lineno", "name", "created", "levelname"}
    assert all(isinstance(text, str) for text in mine[0].values())


def test_logs_are_filtered_by_level(speaking: logging.Logger, live: Live) -> None:
    speaking.warning("low")
    speaking.info("fine")
    live.wait_for("logs", says("fine"))
    warned = live.read("logs?level=warning")
    assert [line["msg"] for line in warned if line["name"] == "site.test"] == ["low"]
    assert live.read("logs?level=CRITICAL") == []
    sentence = live.refused(live.get("logs?level=loud"), 400)
    assert sentence == "level is one of DEBUG, INFO, WARNING, ERROR, CRITICAL"


def test_the_log_stream_gives_new_lines_as_they_come(speaking: logging.Logger, live: Live) -> None:
    speaking.info("before")
    live.wait_for("logs", says("before"))
    with live.get("log_stream", stream=True) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = answer.iter_lines()
        speaking.info("first")
        speaking.info("second")
        heard: list[str] = []
        while len(heard) < 2:
            line = json.loads(next(lines))
            if line["name"] == "site.test":
                heard.append(line["msg"])
        assert heard == ["first", "second"]


def test_pages_of_other_origins_may_read(live: Live) -> None:
    answer = live.get("progress", headers={"Origin": "http://localhost:8888"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_pages_of_other_origins_are_not_invited_to_command(live: Live) -> None:
    ask = {"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = requests.options(live.url("stop"), headers=ask, timeout=PATIENCE)
    assert answer.status_code == 403


def test_what_is_not_there_is_told_in_json(live: Live) -> None:
    sentence = live.refused(live.get("progres"), 404)
    assert sentence == "there is nothing at /api/v1/progres; the API is under /api/v1"
    assert live.refused(live.get("stop"), 405) == "GET is not possible at /api/v1/stop"


def test_stopping_without_a_run_is_no_error(live: Live) -> None:
    answer = live.post("stop")
    assert (answer.status_code, answer.json()) == (200, None)


def test_the_front_page_is_a_page(live: Live) -> None:
    answer = requests.get(live.root, timeout=PATIENCE)
    assert answer.headers["content-type"].startswith("text/html")
    assert "<title>Beamloom</title>" in answer.text


def test_many_people_ask_at_once(live: Live) -> None:
    live.feeds["eiger"].send(series(300))
    run = live.arm(simple_map(300))
    paths = [
        "progress",
        "status",
        "config",
        "load",
        "ledger",
        "errors",
        "streams",
        "runs",
        "sequence",
        "logs",
    ]
    with ThreadPoolExecutor(8) as people:
        answers = list(people.map(lambda n: live.get(paths[n % len(paths)]), range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert live.finished()["run"] == run
    assert live.read("progress")["reduced"] == 302


def test_of_the_log_only_what_is_new_is_told_to_those_who_know_the_rest(live: Live) -> None:
    def speak(*texts: str) -> None:
        lines = [{"msg": text, "levelname": "ERROR"} for text in texts]
        live.do(lambda: live.bench.controller.logbook.keep("camera", lines))

    def said(query: str = "") -> list[tuple[str, int]]:
        lines = live.read(f"logs?level=ERROR{query}")
        return [(line["msg"], int(line["number"])) for line in lines if line["service"] == "camera"]

    speak("one", "two")
    [(_, first), (_, second)] = said()
    assert second == first + 1
    speak("three")
    assert [text for text, _ in said(f"&after={first}")] == ["two", "three"]
    [(text, third)] = said(f"&after={second}")
    assert (text, third > second) == ("three", True)
    assert said(f"&after={third}") == []
    assert len(said("&after=1000000")) == 3, "a number of another controller"
    assert "after is the number" in live.refused(live.get("logs?after=-1"), 400)


@pytest.mark.parametrize("path", ["events", "log_stream", "feedback/stream"])
def test_who_follows_a_controller_that_ends_is_let_go_in_silence(
    live: Live, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with requests.get(live.url(path), stream=True, timeout=PATIENCE) as answer:
        end_commands(live)
        for _ in answer.iter_lines():
            pass
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_who_follows_over_a_websocket_is_told_that_the_controller_ends(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    address = live.url("feedback/stream").replace("http", "ws")
    with connect(address, proxy=None) as socket:
        end_commands(live)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=PATIENCE)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, "ends" in closed.value.rcvd.reason) == (1001, True)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []

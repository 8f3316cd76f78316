"""What waits and what is wrong, as the API tells it of a pipeline in memory."""

from __future__ import annotations

import time
from typing import Any

import pytest

from beamloom.control.views.story_lines import ordinal
from beamloom.settings import ControllerSettings
from control.live import Live, simple_map
from services.bench import Doubling, Feed, frame, series, start


def stall(live: Live, stream: str, seconds: float = 60.0, **more: Any) -> dict[str, Any]:
    wait = {"what": "device", "about": stream, "why": "no packet comes", "seconds": seconds, "stalled": True}
    return {"waits_for": [{**wait, **more}]}


def findings(live: Live) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in live.read("doctor")["findings"]}


def test_a_pipeline_that_is_well_has_no_findings() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(3))
        run = live.arm(simple_map(3))
        live.finished()
        told = live.read("doctor")
        assert (told["healthy"], told["findings"], told["run"], told["phase"]) == (True, [], run, "finished")


def test_each_ingester_says_for_which_device_it_waits_and_since_when() -> None:
    with Live() as live:
        live.arm(simple_map(3, "eiger", "orca"))
        live.feeds["eiger"].send(series(3))
        live.wait_for("streams", lambda streams: streams.get("eiger", {}).get("packets") == 5)

        def only_orca(status: dict[str, Any]) -> bool:
            waits = {
                wait["about"] for one in status["waits"].values() for wait in one if wait["what"] == "device"
            }
            return waits == {"orca"}

        status = live.wait_for("status", only_orca)
        (wait,) = status["waits"]["orca-ingester"]
        assert (wait["what"], wait["stalled"]) == ("device", False)
        assert status["stalled"] == []
        live.feeds["orca"].send(series(3))
        live.finished()
        done = live.wait_for(
            "status",
            lambda status: all(
                wait["what"] == "run"
                for name in ("eiger-ingester", "orca-ingester")
                for wait in status["waits"][name]
            ),
        )
        assert done["waits_for"] == []


def test_a_stream_without_packets_for_longer_than_its_limit_is_stalled_everywhere() -> None:
    with Live() as live:
        live.arm(simple_map(3))
        live.feeds["eiger"].send([start(), frame(1)])
        live.wait_for("progress", lambda progress: progress["completed_events"] == 2)
        live.do(lambda: live.bench.notes.update({"eiger-ingester": stall(live, "eiger")}))
        assert live.wait_for("progress", lambda progress: progress["stalled"])["stalled"] == ["eiger"]
        streams = live.wait_for("streams", lambda streams: streams["eiger"]["stalled"])
        assert streams["eiger"]["silent_since"] is not None
        status = live.read("status")
        assert [(wait["what"], wait["stream"]) for wait in status["waits_for"]] == [("stream", "eiger")]
        found = findings(live)["stream-stalled"]
        assert "no packet for 1 min 0 s, after 2 packets" in found["what"]
        assert "idle_limit" in found["do"]


def test_a_run_that_asks_for_it_ends_when_nothing_comes_any_more() -> None:
    with Live() as live:
        live.feeds["eiger"].send([start(), frame(1), frame(2)])
        live.arm(simple_map(5), idle_limit="0.3")
        progress = live.finished()
        assert progress["stopped"] == "nothing came for 0.3 s (idle_limit)"
        assert (progress["reduced"], progress["lost"], progress["aborted"]) == (3, 4, False)


def test_the_idle_limit_of_the_settings_ends_an_open_ended_run_without_losses() -> None:
    with Live(settings=ControllerSettings(arm_timeout=0.2, idle_limit=0.3)) as live:
        body = {
            "parts": {"main": {"eiger": [[{"constraint": 0}]]}},
            "sequence": [{"part": "main", "repeat": None}],
        }
        live.feeds["eiger"].send([start(), frame(1), frame(2)])
        live.arm(body)
        progress = live.finished()
        assert (progress["reduced"], progress["lost"], progress["total_events"]) == (3, 0, 3)


def test_a_run_in_which_nothing_has_come_yet_does_not_idle() -> None:
    with Live() as live:
        live.arm(simple_map(2), idle_limit="0.05")
        begun = live.bench.now
        live.wait_for("health", lambda _: live.bench.now - begun > 0.3)
        assert live.read("progress")["phase"] == "running"
        live.feeds["eiger"].send(series(2))
        assert live.finished()["reduced"] == 4


@pytest.mark.parametrize("wrong", ["soon", "0", "-3", "inf", "nan"])
def test_an_idle_limit_that_is_no_time_is_refused(wrong: str) -> None:
    with Live() as live:
        answer = live.post("sequence", json=simple_map(2), params={"idle_limit": wrong})
        assert "idle_limit is a time in seconds above 0" in live.refused(answer, 400)


def test_a_tag_that_nobody_has_any_more_is_named_with_what_to_start() -> None:
    with Live() as live:
        live.do(lambda: live.bench.add_worker("special", tags=("special",)))
        live.wait_for("config", lambda config: len(config["workers"]) == 3)
        cells = [[{"tags": ["special"], "constraint": n}] for n in range(20)]
        live.arm({"parts": {"main": {"eiger": cells}}, "sequence": ["main"]})
        live.do(lambda: live.bench.kill("special"))
        live.wait_for("doctor", lambda told: "nobody-suits" in {one["check"] for one in told["findings"]})
        found = findings(live)
        assert "with tag special" in found["nobody-suits"]["what"]
        assert "start a worker with these tags" in found["nobody-suits"]["do"]
        assert "no sign of life" in found["process-gone"]["what"]


def test_a_run_that_was_refused_is_told_of_until_one_is_armed() -> None:
    with Live() as live:
        refusal = live.refused(live.post("sequence", json=simple_map(2, "eigre")), 400)
        assert refusal in findings(live)["run-refused"]["what"]
        live.arm(simple_map(2))
        assert "run-refused" not in findings(live)


def test_a_map_that_is_shorter_than_the_data_is_told_of() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(9))
        live.arm(simple_map(3), all_wrap="false")
        live.finished()
        found = live.wait_for("doctor", lambda told: told["findings"])["findings"][0]
        assert found["check"] == "map-too-short"
        assert "8 packets behind the last event of the map" in found["what"]


def test_a_map_that_is_longer_than_the_data_is_told_of() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(3))
        live.arm(simple_map(9))
        live.finished()
        found = findings(live)["map-too-long"]
        assert "ended early" in found["what"]
        assert "6 events lost" in found["what"]


def test_clocks_versions_disks_and_alarms_are_told_of() -> None:
    with Live() as live:

        def disturb() -> None:
            live.bench.notes["worker-1"] = {"clock": time.time() + 300}
            live.bench.notes["reducer"] = {
                "alarm": "the disk is full",
                "disks": [{"path": "/data", "purpose": "journal", "free": 12_000_000}],
            }
            live.bench.member("worker-2").register.version = "0.0.9"

        live.do(disturb)
        wanted = {"clocks-apart", "versions-mixed", "disk-nearly-full", "not-kept"}
        live.wait_for("doctor", lambda told: wanted <= {one["check"] for one in told["findings"]})
        found = findings(live)
        assert "ahead of the controller's" in found["clocks-apart"]["what"]
        assert "worker-2 (0.0.9)" in found["versions-mixed"]["what"]
        assert (
            "12 MB are free where the journal of reducer is written (/data)"
            in found["disk-nearly-full"]["what"]
        )


# ---- the story of an event --------------------------------------------------------------------------------------------------


class Failing(Doubling):
    def process_event(self, event: Any) -> int:  # type: ignore[override]
        if event.event_number == 2:
            raise ValueError("the spectrum is empty")
        return int(event.event_number)


def texts(story: dict[str, Any]) -> str:
    return "\n".join(line["text"] for line in story["story"])


def test_the_story_of_an_event_has_packets_leases_and_outcome_in_the_order_of_time() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(5)[:-1])
        live.arm(simple_map(5))
        live.wait_for("progress", lambda progress: progress["completed_events"] == 6)
        story = live.read("events/3")
        assert story["state"] == "reduced"
        assert story["part"] == {"name": "main", "round": 1, "offset": 2}
        assert story["streams"]["eiger"]["came"]["number"] == 3
        (attempt,) = story["attempts"]
        assert attempt["attempt"] == 1
        assert attempt["leased_at"] <= attempt["taken_at"]
        assert attempt["worker"].partition("@")[0] in ("worker-1", "worker-2")
        assert story["unknown"] == []
        times = [line["at"] for line in story["story"] if line["at"] is not None]
        assert times == sorted(times)
        assert "stream 'eiger': packet 3 came" in texts(story)
        assert texts(story).endswith("reduced: its result is in what is published")


def test_the_story_of_an_event_that_failed_has_the_error_and_that_of_a_lost_one_the_cause() -> None:
    packets = series(6)
    del packets[4]
    with Live(Failing) as live:
        live.feeds["eiger"].send(packets)
        live.arm(simple_map(6))
        live.finished()
        failed, lost = live.read("events/2"), live.read("events/4")
        assert failed["state"] == "failed"
        assert "Failing.process_event: ValueError: the spectrum is empty" in texts(failed)
        assert "raise ValueError" in failed["errors"][0]["traceback"]
        assert lost["state"] == "lost"
        assert "skipped frame numbers" in lost["cause"]
        assert lost["cause"] in texts(lost)


def test_the_story_says_whose_hands_an_event_went_through() -> None:
    with Live() as live:
        live.arm(simple_map(3))
        live.do(lambda: live.bench.still.update({"worker-1", "worker-2"}))
        live.feeds["eiger"].send(series(3)[:-1])
        story = live.wait_for("events/1", lambda story: story["attempts"])
        first = story["attempts"][0]["worker"].partition("@")[0]
        other = {"worker-1": "worker-2", "worker-2": "worker-1"}[first]
        assert not story["processes"][first]["answered"]
        assert any(f"{first} did not answer" in sentence for sentence in story["unknown"])
        live.do(lambda: live.bench.kill(first))
        live.do(live.bench.still.clear)
        story = live.wait_for("events/1", lambda story: story["state"] == "reduced")
        before, after = story["attempts"]
        assert before["taken_away_because"].startswith("no sign of life")
        assert (after["worker"].partition("@")[0], after["attempt"]) == (other, 2)
        assert after["taken_at"] is not None


def test_an_event_or_a_run_that_is_not_there_is_answered_with_a_sentence() -> None:
    with Live(streams={"eiger": Feed()}) as live:
        assert "no run has been armed yet" in live.refused(live.get("events/0"), 404)
        run = live.arm(simple_map(3))
        assert "has no event 5" in live.refused(live.get("events/5"), 404)
        assert "no run whose id begins with 'zz'" in live.refused(live.get("events/1?run=zz"), 404)
        assert live.read(f"events/1?run={run[:8]}")["state"] in ("pending", "assigned")


def test_the_story_of_an_event_of_an_earlier_run_says_what_is_not_known_any_more() -> None:
    with Live() as live:
        live.feeds["eiger"].send(series(3))
        first = live.arm(simple_map(3))
        live.finished()
        live.arm(simple_map(3))
        story = live.read(f"events/2?run={first}")
        assert (story["run"], story["state"], story["over"]) == (first, "reduced", True)
        assert any("its packets are not kept any more" in sentence for sentence in story["unknown"])
        assert story["attempts"]


def test_a_packet_came_when_it_came_however_long_others_keep_the_answer_waiting() -> None:
    with Live() as live:
        live.arm(simple_map(3))
        live.feeds["eiger"].send(series(3)[:-1])
        live.wait_for("progress", lambda progress: progress["completed_events"] == 4)
        live.do(lambda: live.bench.still.add("worker-1"))
        story = live.read("events/2")
        assert not story["processes"]["worker-1"]["answered"]
        came, (attempt,) = story["streams"]["eiger"]["came"], story["attempts"]
        # Times come as durations and travel; the answer that is waited for takes a second.
        assert came["at"] <= attempt["taken_at"] + 0.5
        live.do(live.bench.still.clear)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (113, "113th"),
        (1021, "1,021st"),
    ],
)
def test_the_round_of_a_part_is_an_ordinal(number: int, words: str) -> None:
    assert ordinal(number) == words

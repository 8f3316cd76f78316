"""Each check finds what it is there for, and says nothing of a pipeline that is well."""

from __future__ import annotations

from typing import Any

import pytest

from beamloom.doctor import (
    Departure,
    Disk,
    Finding,
    Gravity,
    ProcessView,
    RunView,
    Situation,
    StreamView,
    Wait,
    examine,
)
from beamloom.doctor.report import report, story
from beamloom.doctor.situation import LossView

NOW = 1_800_000_000.0


def wait(what: str, about: str = "", seconds: float = 1.0, why: str = "no packet comes", **more: Any) -> Wait:
    return Wait(what, about, why, NOW - seconds, **more)


def process(name: str, role: str, **more: Any) -> ProcessView:
    usual: dict[str, Any] = {"version": "1.0", "heard_at": NOW, "host": "here"}
    return ProcessView(name=name, role=role, **(usual | more))


def situation(*processes: ProcessView, **more: Any) -> Situation:
    """A pipeline that is well, but for what is said."""
    given = {one.name for one in processes}
    usual = [
        process("eiger-ingester", "ingester", waits=(wait("device", "eiger"),)),
        process("worker-1", "worker", waits=(wait("packets", "7"),), analysis="spectra:Worker", commit="abc"),
        process("worker-2", "worker", waits=(wait("lease"),), analysis="spectra:Worker", commit="abc"),
        process("reducer", "reducer", waits=(wait("results"),)),
    ]
    everybody = (*processes, *(one for one in usual if one.name not in given))
    well: dict[str, Any] = {"version": "1.0", "processes": everybody, "run": run_with(), "disk_low": 10**9}
    return Situation(now=NOW, **(well | more))


def run_with(**more: Any) -> RunView:
    well: dict[str, Any] = {
        "phase": "running", "finished": False, "total_events": 100, "settled": 7,
        "streams": (StreamView(name="eiger", packets=7, complete_until=7),),
    }  # fmt: skip
    return RunView(run="r1", **(well | more))


def only(now: Situation) -> Finding:
    (finding,) = examine(now)
    return finding


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert examine(situation()) == []
    assert examine(Situation(now=NOW)) == []


def test_a_silent_stream_is_told_with_how_long_and_how_many_packets() -> None:
    silent = process("eiger-ingester", "ingester", waits=(wait("device", "eiger", 75.0, stalled=True),))
    finding = only(situation(silent))
    assert (finding.check, finding.about, finding.since) == ("stream-stalled", "eiger", NOW - 75)
    assert "no packet for 1 min 15 s, after 7 packets" in finding.what


def test_a_series_whose_beginning_went_elsewhere_is_told_as_that() -> None:
    silent = process("eiger-ingester", "ingester", waits=(wait("device", "eiger", 75.0, stalled=True),))
    streams = (StreamView(name="eiger", discarded=1200),)
    finding = only(situation(silent, run=run_with(streams=streams)))
    assert (finding.check, finding.about) == ("beginning-missed", "eiger")
    assert "has sent 1,200 messages of a series whose beginning did not come here" in finding.what
    # What came before the series is nothing where that has come.
    streams = (StreamView(name="eiger", discarded=1200, packets=7),)
    assert only(situation(silent, run=run_with(streams=streams))).check == "stream-stalled"


def test_a_device_that_is_not_connected_is_told_as_that() -> None:
    why = "nothing listens at tcp://eiger:9999"
    silent = process("eiger-ingester", "ingester", waits=(wait("device", "eiger", 75.0, why, stalled=True),))
    finding = only(situation(silent))
    assert finding.check == "device-away"
    assert why in finding.what


def test_a_share_of_a_stream_that_is_silent_alone_is_not_told() -> None:
    one = process("eiger-ingester-1", "ingester", waits=(wait("device", "eiger", 75.0, stalled=True),))
    other = process("eiger-ingester", "ingester", waits=(wait("device", "eiger", 0.1),))
    assert examine(situation(one, other)) == []


def test_a_silent_stream_is_not_told_when_no_run_goes_on() -> None:
    silent = process("eiger-ingester", "ingester", waits=(wait("device", "eiger", 75.0, stalled=True),))
    assert examine(situation(silent, run=run_with(finished=True, phase="finished"))) == []


def test_packets_that_another_client_takes_are_told_as_that() -> None:
    cause = (
        "stream 'eiger' skipped frame numbers: 1 of every 2 packets are missing in a steady rhythm: "
        "another client takes them; end it, or let only one connect to the device"
    )
    finding = only(situation(run=run_with(losses=(LossView(cause, "8, 10, 12", 3),))))
    assert (finding.check, finding.about) == ("packets-stolen", "eiger")
    assert "1 of every 2 packets" in finding.what


@pytest.mark.parametrize(
    ("more", "check"),
    [
        ({"streams": (StreamView(name="eiger", surplus=4, ended=True),)}, "map-too-short"),
        ({"losses": (LossView("stream 'eiger' ended early: closed after 3 of 9", "3-8", 6),)}, "map-too-long"),
        ({"losses": (LossView("stream 'eiger' skipped frame numbers: a gap", "3", 1),)}, "events-lost"),
        ({"losses": (LossView("the run was stopped: asked to", "3-9", 7),)}, "run-cut-short"),
        ({"unsuited": "event 0 of part 'main' wants a worker with tag x; start one"}, "nobody-suits"),
        ({"reducer_away_since": NOW - 3, "reducer_away_cause": "killed"}, "reducer-away"),
        ({"failures": (LossView("Worker.process_event: ValueError: no", "2-3", 2),), "failed": 2}, "user-code-fails"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_run_is_told(more: dict[str, Any], check: str) -> None:
    assert only(situation(run=run_with(**more))).check == check


def test_streams_of_different_lengths_are_told_while_the_longer_one_is_waited_for() -> None:
    streams = (StreamView(name="eiger"), StreamView(name="orca", ended=True))
    finding = only(situation(run=run_with(streams=streams)))
    assert (finding.check, finding.about) == ("streams-apart", "eiger")
    assert "'orca' has ended its series" in finding.what


@pytest.mark.parametrize(
    ("view", "check"),
    [
        (process("worker-1", "worker", fault="module 'x' cannot be imported\nat"), "code-not-usable"),
        (process("eiger-ingester", "ingester", fault="stream 'eiger': port taken"), "device-not-ready"),
        (process("reducer", "reducer", alarm="the journal is full"), "not-kept"),
        (process("worker-1", "worker", waits=(wait("user code", "17", 9.0),)), "user-code-hangs"),
        (process("worker-1", "worker", heard_at=NOW - 0.9), "process-quiet"),
        (process("worker-1", "worker", waits=(wait("reducer", seconds=3.0),)), "reducer-slow"),
        (process("worker-1", "worker", clock_offset=-90.0), "clocks-apart"),
        (process("worker-1", "worker", version="0.9"), "versions-mixed"),
        (process("worker-1", "worker", analysis="spectra:Worker", commit="def"), "analysis-mixed"),
        (process("reducer", "reducer", disks=(Disk("/data", "journal", 10**6),)), "disk-nearly-full"),
        (process("eiger-ingester", "ingester", waits=(wait("room", "eiger", 5.0, "9 packets"),)), "retention-full"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_process_is_told(view: ProcessView, check: str) -> None:
    finding = only(situation(view))
    assert finding.check == check
    assert finding.what[0].islower() or finding.what[0].isdigit()
    assert finding.do
    assert "\n" not in finding.what


def test_events_that_always_take_long_do_not_look_as_if_they_hung() -> None:
    figures = {"processed_events": 10.0, "user_seconds": 100.0}
    slow = process("worker-1", "worker", waits=(wait("user code", "17", 60.0),), figures=figures)
    assert examine(situation(slow)) == []


def test_a_process_that_is_gone_is_told_until_it_is_back_and_for_a_while_after() -> None:
    gone = Departure("worker-3", "worker", "killed by SIGKILL", NOW - 30)
    back = Departure("worker-1", "worker", "killed by SIGKILL", NOW - 30, back=True)
    long_ago = Departure("worker-2", "worker", "killed by SIGKILL", NOW - 3000, back=True)
    assert only(situation(departures=(gone,))).check == "process-gone"
    assert only(situation(departures=(back,))).check == "process-restarted"
    assert examine(situation(departures=(long_ago,))) == []


def test_a_process_that_is_back_is_a_warning_for_half_a_minute_and_then_a_note() -> None:
    def gravity(seconds: float) -> Gravity:
        back = Departure("worker-1", "worker", "killed by SIGKILL", NOW - seconds, back=True)
        return only(situation(departures=(back,))).gravity

    assert (gravity(29), gravity(31), gravity(599)) == (Gravity.WARNING, Gravity.NOTE, Gravity.NOTE)


def test_notes_come_last_and_are_counted_apart() -> None:
    back = Departure("worker-1", "worker", "killed by SIGKILL", NOW - 100, back=True)
    gone = Departure("worker-9", "worker", "killed by SIGKILL", NOW - 100)
    found = examine(situation(departures=(back, gone)))
    assert [finding.gravity for finding in found] == [Gravity.WARNING, Gravity.NOTE]
    assert report("here", found, NOW, 100, coloured=False).endswith("1 warning and 1 note.")


def test_what_stops_a_run_is_told_before_what_only_slows_it_down() -> None:
    slow = process("worker-1", "worker", waits=(wait("reducer", seconds=3.0),))
    silent = process("eiger-ingester", "ingester", waits=(wait("device", "eiger", 75.0, stalled=True),))
    gravities = [finding.gravity for finding in examine(situation(slow, silent))]
    assert gravities == [Gravity.TROUBLE, Gravity.WARNING]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_report_fits_the_terminal_and_counts_what_it_found(columns: int) -> None:
    slow = process("worker-1", "worker", waits=(wait("reducer", seconds=3.0),))
    silent = process("eiger-ingester", "ingester", waits=(wait("device", "eiger", 75.0, stalled=True),))
    text = report("http://127.0.0.1:5000", examine(situation(slow, silent)), NOW, columns, coloured=False)
    assert max(map(len, text.splitlines())) <= columns
    assert text.endswith("1 trouble and 1 warning.")
    assert "1 min 15 s ago" in text


def test_what_others_wrote_cannot_move_the_cursor_of_a_report() -> None:
    evil = process("worker-1", "worker", fault="\x1b[2J\x1b]0;pwned\x07 cannot be imported")
    text = report("x", examine(situation(evil)), NOW, 80, coloured=False)
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_report_of_nothing_says_so() -> None:
    assert "Nothing is wrong." in report("http://127.0.0.1:5000", [], NOW, 80, coloured=False)


def test_a_story_is_told_line_by_line_within_the_terminal() -> None:
    told = {
        "event": 3, "run": "r1", "state": "lost", "wanted": {"eiger": "constraint 1 with generic"}, "errors": [],
        "story": [{"at": NOW, "text": "stream 'eiger' has no packet for it: " + "a gap " * 30}, {"at": None, "text": "lost"}],
        "unknown": ["who had the event and when is not remembered any more"],
    }  # fmt: skip
    text = story(told, 80, coloured=False)
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith("Event 3 of run r1: lost")
    assert "  - who had the event" in text

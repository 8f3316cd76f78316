"""What the analysis says in a replay is in its report, and stopping is stopping."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom import Event, GiveFeedback, MergingReducer, Result, Sum
from beamloom.cli._replay_report import Teller
from beamloom.replay import Replay, replay
from replay.material import Echo, Gather, seen, write

EVENTS = 400


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "a.cbors", {"a": range(EVENTS)})]


class Sees(Echo):
    feedback: GiveFeedback

    def process_event(self, event: Event) -> dict[str, bytes]:
        if event.event_number in (5, 6):
            self.feedback("warning", level=np.float32(0.5), event=np.int64(event.event_number))
        if event.event_number == 6:
            raise ValueError("what was said before goes with the result")
        return super().process_event(event)


class Decides(Gather):
    feedback: GiveFeedback

    def process_result(self, result: Result) -> None:
        super().process_result(result)
        if len(self.publish["deliveries"]) == 10:
            self.feedback("stop", "ten are enough")
            raise ValueError("too late: it is said")


def said(report: Any) -> list[tuple[str, Any, int | None, str]]:
    return [
        (one.kind, json.loads(one.payload), one.event, one.by.partition("-")[0]) for one in report.feedback
    ]


def test_of_workers_and_of_the_reducer_is_in_the_report(
    files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    report = replay(Sees, Decides, files, workers=1)
    assert said(report) == [
        ("warning", {"level": 0.5, "event": 5}, 5, "replay"),
        ("stop", "ten are enough", 10, "reducer"),
    ]
    assert report.stopped == "the analysis said stop: ten are enough"
    assert report.counts.reduced + report.counts.failed + report.counts.lost == EVENTS
    assert list(seen(report))[:9] == [0, 1, 2, 3, 4, 5, 7, 8, 9]
    Teller().finished(report)
    told = capsys.readouterr()
    assert "the analysis said: stop at event 10: ten are enough" in told.out
    assert "the analysis said: warning at event 5: level=0.5, event=5" in told.out


def test_may_be_kept_from_stopping(files: list[Path]) -> None:
    report = Replay(Sees, Decides, files, workers=1, feedback_stops=False).run()
    assert [kind for kind, _, _, _ in said(report)] == ["warning", "stop"]
    assert (report.stopped, report.counts.lost) == (None, 0)


class Adds:
    """A worker whose results are merged before they are sent, and that says something with every third."""

    combine = True
    feedback: GiveFeedback

    def process_event(self, event: Event) -> dict[str, Sum] | None:
        if event.event_number % 3 == 0:
            self.feedback("third", event.event_number)
        # What is not merged carries what was said with it, too.
        return None if event.event_number % 7 == 0 else {"sum": Sum().add(event.event_number, 1.0)}


class Total(MergingReducer):
    pass


def test_is_not_lost_where_results_are_merged(files: list[Path]) -> None:
    report = replay(Adds, Total, files, workers=3)
    assert report.counts.reduced == EVENTS
    # The first event goes to all workers.
    events = sorted(event for _, payload, event, _ in said(report) if event and payload == event)
    assert events == list(range(3, EVENTS, 3))
    assert [one.number for one in report.feedback] == list(range(1, len(report.feedback) + 1))


class Remembers(Echo):
    """A worker with states, whose events are worked through again when another worker goes on."""

    stateful = True
    feedback: GiveFeedback

    def process_event(self, event: Event) -> dict[str, bytes]:
        self.feedback("seen")
        return super().process_event(event)


def test_comes_once_from_a_worker_with_states(files: list[Path]) -> None:
    report = replay(Remembers, Gather, files)
    assert sorted(event for _, _, event, _ in said(report) if event) == list(range(1, EVENTS))

"""So many workers as are wanted: which are started and which stopped is told by who is there, and whoever can do neither says so."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from beamloom.cli import scale
from beamloom.client import Pipeline, connect
from beamloom.errors import RequestRefused, UsageError
from beamloom.placement.door import Door
from beamloom.settings import ControllerSettings
from control.live import Live


class Staff:
    """Who starts and stops workers, and only notes it."""

    def __init__(self, *states: str, kinds: int = 1) -> None:
        self.kinds = [{"class": f"spectra:Worker{number}", "tags": ["generic"]} for number in range(kinds)]
        self.workers: list[dict[str, Any]] = [
            {"name": f"worker-{number + 10}", "state": state, "kind": number % kinds}
            for number, state in enumerate(states)
        ]
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, question: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(question)
        match question:
            case {"do": "list"}:
                return {"kinds": self.kinds, "workers": self.workers}
            case {"do": "start", "count": int(count)}:
                return {"started": [f"worker-{99 + number}" for number in range(count)]}
            case {"do": "stop", "name": name}:
                return {"stopping": name}
        return {"problem": "no"}


@pytest.fixture
def staff() -> Staff:
    return Staff("running", "restarting", "stopping", "given up", "waiting")


@pytest.fixture
def url(staff: Staff) -> Iterator[str]:
    door = Door(staff)
    door.open()
    try:
        with Live(settings=ControllerSettings(arm_timeout=0.2, launcher=str(door.path))) as live:
            yield live.root
    finally:
        door.close()


@pytest.fixture
def pipeline(url: str) -> Iterator[Pipeline]:
    with connect(url) as connected:
        yield connected


def test_missing_workers_are_started_and_those_that_end_do_not_count(
    pipeline: Pipeline, staff: Staff
) -> None:
    changed = pipeline.set_workers(5)
    assert (changed.started, changed.stopping) == (("worker-99", "worker-100"), ())
    assert staff.asked[-1] == {"do": "start", "count": 2, "kind": 0}


def test_the_newest_are_stopped_first(pipeline: Pipeline) -> None:
    changed = pipeline.set_workers(1)
    assert (changed.started, changed.stopping) == ((), ("worker-14", "worker-11"))


def test_so_many_as_there_are_is_nothing_to_do(pipeline: Pipeline) -> None:
    assert str(pipeline.set_workers(3)) == "there are that many workers already"


def test_a_hundred_are_asked_for_in_two_requests(pipeline: Pipeline, staff: Staff) -> None:
    assert len(pipeline.set_workers(103).started) == 100
    assert [asked["count"] for asked in staff.asked if asked["do"] == "start"] == [64, 36]


def test_of_several_kinds_one_has_to_be_named(pipeline: Pipeline, staff: Staff) -> None:
    staff.kinds, staff.workers = Staff(kinds=2).kinds, Staff("running", "running", "running", kinds=2).workers
    with pytest.raises(UsageError, match="say which by its number: 0: spectra:Worker0, 1: spectra:Worker1"):
        pipeline.set_workers(2)
    assert pipeline.set_workers(1, kind=0).stopping == ("worker-12",)
    with pytest.raises(UsageError, match="there is no kind 2"):
        pipeline.set_workers(2, kind=2)


@pytest.mark.parametrize(
    ("words", "says"),
    [("workers", "workers=8"), ("worker=3", "workers=8"), ("workers=0", "one worker or more")],
)
def test_what_is_no_number_of_workers_is_refused(url: str, words: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        scale.run(argparse.Namespace(wanted=words, kind=None, url=url))


def test_the_command_says_what_is_done(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert scale.run(argparse.Namespace(wanted="workers=2", kind=None, url=url)) == 0
    assert capsys.readouterr().out == "told to end after the event that they are in: worker-14\n"


def test_where_nobody_can_start_workers_that_is_said() -> None:
    with (
        Live() as live,
        connect(live.root) as pipeline,
        pytest.raises(RequestRefused, match="not started by 'beamloom up'"),
    ):
        pipeline.set_workers(3)

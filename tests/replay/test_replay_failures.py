"""What fails in the user's code is reported with its event and traceback, and the replay goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beamloom import AnalysisError, Event, ParameterError, Result, StrParameter, UserError
from beamloom.engine.accounts.faults import FailureGroup
from beamloom.replay import ReplayReport, replay
from replay.material import Echo, Gather, deliveries, seen, write


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "a.cbors", {"a": range(12)})]


def the_failure(report: ReplayReport) -> FailureGroup:
    assert len(report.failures) == 1
    assert not report.clean
    return report.failures[0]


class FailsAtSome(Echo):
    def process_event(self, event: Event) -> dict[str, bytes]:
        if event.event_number in (3, 7, 8):
            raise ValueError(f"no peak in event {event.event_number}")
        return super().process_event(event)


def test_of_an_event(files: list[Path]) -> None:
    report = replay(FailsAtSome, Gather, files)
    failure = the_failure(report)
    assert failure.failure.where == "FailsAtSome.process_event"
    assert list(failure.events) == [(3, 4), (7, 9)]
    assert failure.failure.traceback.startswith("Traceback (most recent call last):\n")
    assert 'in process_event\n    raise ValueError(f"no peak' in failure.failure.traceback
    assert "ValueError: no peak in event" in failure.failure.traceback
    assert "beamloom/services" not in failure.failure.traceback
    assert (report.counts.reduced, report.counts.failed, report.counts.lost) == (9, 3, 0)
    assert list(seen(report)) == [0, 1, 2, 4, 5, 6, 9, 10, 11]


class RefusesSome(Gather):
    def process_result(self, result: Result) -> None:
        if result.event_number == 5:
            raise KeyError("position")
        super().process_result(result)


def test_of_a_result(files: list[Path]) -> None:
    report = replay(Echo, RefusesSome, files)
    failure = the_failure(report)
    assert failure.failure.where == "RefusesSome.process_result"
    assert list(failure.events) == [(5, 6)]
    assert "KeyError: 'position'" in failure.failure.traceback
    assert (report.counts.reduced, report.counts.failed) == (11, 1)


class FailsAtTheEnd(Echo):
    def finish(self) -> None:
        raise OSError("the file is closed")


class ReducerFailsAtTheEnd(Gather):
    def finish(self) -> None:
        raise OSError("the disk is full")


class FailsInTimer(Gather):
    def timer(self) -> float:
        raise ZeroDivisionError("no time")


@pytest.mark.parametrize(
    ("worker", "reducer", "where", "count"),
    [
        (FailsAtTheEnd, Gather, "FailsAtTheEnd.finish", 2),
        (Echo, ReducerFailsAtTheEnd, "ReducerFailsAtTheEnd.finish", 1),
        (Echo, FailsInTimer, "FailsInTimer.timer", 1),
    ],
)
def test_of_no_event(files: list[Path], worker: type, reducer: type, where: str, count: int) -> None:
    report = replay(worker, reducer, files)
    failure = the_failure(report)
    assert failure.failure.where == where
    assert (failure.count, list(failure.events)) == (count, [])
    assert failure.failure.traceback.startswith("Traceback")
    assert report.counts.reduced == 12


class CannotBeMade(Echo):
    def __init__(self) -> None:
        raise RuntimeError("no calibration")


class ReducerCannotBeMade(Gather):
    def __init__(self) -> None:
        raise RuntimeError("no calibration")


class DoesNotTick(Echo):
    def get_tick_interval(self) -> float:
        raise RuntimeError("no calibration")


@pytest.mark.parametrize(
    ("worker", "reducer", "where"),
    [
        (CannotBeMade, Gather, "CannotBeMade.__init__"),
        (Echo, ReducerCannotBeMade, "ReducerCannotBeMade.__init__"),
        (DoesNotTick, Gather, "DoesNotTick.get_tick_interval"),
    ],
)
def test_of_what_a_run_needs_ends_the_replay_with_the_traceback(
    files: list[Path], worker: type, reducer: type, where: str
) -> None:
    with pytest.raises(AnalysisError) as refused:
        replay(worker, reducer, files)
    first, second, *_ = str(refused.value).splitlines()
    assert f"{where} failed: RuntimeError: no calibration" in first
    assert second == "Traceback (most recent call last):"
    assert str(refused.value).endswith("RuntimeError: no calibration\n")


class DescribesNothing(Echo):
    @staticmethod
    def describe_parameters() -> list[StrParameter]:
        raise RuntimeError("no list")


class DescribesInText(Echo):
    @staticmethod
    def describe_parameters() -> list[StrParameter]:
        return [StrParameter(name="roi")]


class DescribesInBytes(Gather):
    @staticmethod
    def describe_parameters() -> list[Any]:
        from beamloom import BinaryParameter

        return [BinaryParameter(name="roi")]


class NoHook:
    def proces_event(self) -> None: ...


def test_what_cannot_be_an_analysis_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    nothing = [tmp_path / "not-there.cbors"]
    with pytest.raises(
        UserError, match=r"NoHook has no method 'process_event' \(did you mean 'proces_event'\?\)"
    ):
        replay(NoHook, Gather, nothing)
    with pytest.raises(UserError, match=r"NoHook has no method 'process_result'"):
        replay(Echo, NoHook, nothing)
    with pytest.raises(
        AnalysisError, match=r"DescribesNothing.describe_parameters failed: RuntimeError: no list\nTraceback"
    ):
        replay(DescribesNothing, Gather, nothing)
    with pytest.raises(UserError, match="there is no module 'nosuchmodule'"):
        replay("nosuchmodule:Worker", Gather, nothing)


def test_descriptions_that_contradict_each_other_are_refused(files: list[Path]) -> None:
    with pytest.raises(ParameterError, match="parameter 'roi' is described as str and as binary"):
        replay(DescribesInText, DescribesInBytes, files)


@dataclass
class Spectrum:
    total: int


class ReturnsClasses(Echo):
    def process_event(self, event: Event) -> Any:
        return Spectrum(event.event_number)


class ReturnsSets(Echo):
    pickle_results = True

    def process_event(self, event: Event) -> Any:
        return [Path(str(event.event_number)), complex(event.event_number)]


def test_results_travel_as_they_do_live(files: list[Path]) -> None:
    assert {type(payload) for _, _, payload in deliveries(replay(ReturnsClasses, Gather, files))} == {
        Spectrum
    }
    assert [complex(3)] == [
        payload[1] for event, _, payload in deliveries(replay(ReturnsSets, Gather, files)) if event == 3
    ]


class ReturnsWhatCannotTravel(Echo):
    def process_event(self, event: Event) -> Any:
        return object()


def test_a_result_that_cannot_travel_fails_its_event(files: list[Path]) -> None:
    failure = the_failure(replay(ReturnsWhatCannotTravel, Gather, files))
    assert list(failure.events) == [(0, 12)]
    assert "object" in failure.failure.message

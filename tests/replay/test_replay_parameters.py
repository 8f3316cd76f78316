"""Parameters in a replay: recorded ones from their events on, given ones for all events."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cbor2
import pytest

from beamloom import Event, FloatParameter, IntParameter, ParameterError, ParameterSet, Result, StrParameter
from beamloom.recordings import RecordedEpoch, RecordingNames, write_epochs, write_parameters
from beamloom.replay import ReplayReport, replay
from replay.material import RUN, Gather, write_run


class Sees:
    """Returns the parameters that hold for an event."""

    @staticmethod
    def describe_parameters() -> list[IntParameter | StrParameter]:
        return [
            IntParameter(name="threshold", default=7, min=0, max=100),
            StrParameter(name="mode", default="map"),
        ]

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any]:
        return {"threshold": parameters["threshold"].value, "mode": parameters["mode"].value}


class Reduces(Gather):
    """Also keeps the parameters that hold for a result."""

    @staticmethod
    def describe_parameters() -> list[FloatParameter]:
        return [FloatParameter(name="scale", default=0.5)]

    def __init__(self) -> None:
        super().__init__()
        self.publish: dict[str, Any] = {"deliveries": [], "scales": {}}

    def process_result(self, result: Result, parameters: ParameterSet | None = None) -> None:
        assert parameters is not None
        super().process_result(result)
        self.publish["scales"][result.event_number] = (
            parameters["scale"].value,
            parameters["threshold"].data,
        )


def values(report: ReplayReport) -> dict[int, tuple[Any, Any]]:
    return {
        event: (seen["threshold"], seen["mode"])
        for event, _, seen in sorted(report.publish["deliveries"], key=str)
    }


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return write_run(tmp_path, {"a": range(30)})


def names(tmp_path: Path) -> RecordingNames:
    return RecordingNames(f"{tmp_path}/", RUN)


def test_defaults_hold_where_nothing_is_given(files: list[Path]) -> None:
    report = replay(Sees, Reduces, files)
    assert set(values(report).values()) == {(7, "map")}
    assert report.publish["scales"][3] == (0.5, b"7")


def test_recorded_parameters_hold(tmp_path: Path, files: list[Path]) -> None:
    write_parameters(names(tmp_path), {"threshold": b"12", "dump_prefix": f"{tmp_path}/again".encode()})
    assert set(values(replay(Sees, Gather, files)).values()) == {(12, "map")}
    assert list(tmp_path.glob("again*")) == []


def epochs(tmp_path: Path) -> None:
    write_parameters(names(tmp_path), {"threshold": b"1"})
    write_epochs(
        names(tmp_path),
        [
            RecordedEpoch(4, 0, {"threshold": b"1", "scale": b"1"}),
            RecordedEpoch(5, 9, {"threshold": b"2", "scale": b"2"}),
            RecordedEpoch(6, 10, {"threshold": b"3", "scale": b"3"}),
            RecordedEpoch(7, 29, {"threshold": b"4", "scale": b"4"}),
        ],
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_recorded_changes_take_effect_at_their_exact_events(
    tmp_path: Path, files: list[Path], workers: int
) -> None:
    epochs(tmp_path)
    report = replay(Sees, Reduces, files, workers=workers)
    expected = {event: 1 if event < 9 else 2 if event < 10 else 3 if event < 29 else 4 for event in range(30)}
    assert {event: threshold for event, (threshold, _) in values(report).items()} == expected
    assert report.publish["scales"] == {e: (float(v), str(v).encode()) for e, v in expected.items()}


def test_given_parameters_win_over_recorded_ones(tmp_path: Path, files: list[Path]) -> None:
    epochs(tmp_path)
    given = tmp_path / "mine.json"
    given.write_text('{"threshold": 50}')
    assert set(values(replay(Sees, Gather, files, parameters=given)).values()) == {(50, "map")}
    assert set(values(replay(Sees, Gather, files, parameters={"mode": b"line"})).values()) == {(7, "line")}


class WorkParameter:
    """As dranspose's parameters are pickled: a model with fields."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self.data = name, data


LISTED = [{"name": "threshold", "data": "33"}, {"name": "mode", "data": "line"}]
AS_BYTES = [{"name": "threshold", "data": b"33"}, {"name": "mode", "data": b"line"}]
MAPPED: Mapping[str, Any] = {"threshold": 33, "mode": "line"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.json", json.dumps(LISTED).encode()),
        ("mapping.json", json.dumps(MAPPED).encode()),
        ("list.cbor", cbor2.dumps([*AS_BYTES, {"name": "mask", "data": b"\xff\0"}])),
        ("mapping.cbor", cbor2.dumps({**MAPPED, "mask": b"\xff\0"})),
        ("list.pickle", pickle.dumps(AS_BYTES)),
        ("models.pkl", pickle.dumps([WorkParameter("threshold", b"33"), WorkParameter("mode", b"line")])),
        ("mapping.pkl", pickle.dumps(MAPPED)),
    ],
)
def test_a_parameter_file_has_any_of_its_forms(
    tmp_path: Path, files: list[Path], name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert set(values(replay(Sees, Gather, files, parameters=path)).values()) == {(33, "line")}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"threshold": "high"}', "mine.json: parameter 'threshold'"),
        ('{"threshold": 101}', "mine.json: parameter 'threshold'"),
        ('{"threshold": 3.5}', "mine.json: parameter 'threshold'"),
        ('{"scale": "wide"}', "mine.json: parameter 'scale'"),
        ('{"threshold": 3', "mine.json:1: this is not JSON"),
        ("3", "mine.json holds neither a mapping of names to values nor a list"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_the_file(
    tmp_path: Path, files: list[Path], content: str, said: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(ParameterError) as refused:
        replay(Sees, Reduces, files, parameters=path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_wrong_recorded_value_is_refused_too(tmp_path: Path, files: list[Path]) -> None:
    write_epochs(names(tmp_path), [RecordedEpoch(0, 0, {}), RecordedEpoch(1, 5, {"threshold": b"-1"})])
    with pytest.raises(ParameterError, match=rf"epochs-{RUN}.json: parameter 'threshold'"):
        replay(Sees, Reduces, files)


def test_a_parameter_file_that_is_not_there_is_named(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(ParameterError, match=r"there is no parameter file .*none.json"):
        replay(Sees, Gather, files, parameters=tmp_path / "none.json")


@pytest.mark.parametrize(
    ("given", "remarks"),
    [
        (
            {"treshold": b"9"},
            ["no class describes the parameter 'treshold' (did you mean 'threshold'?)"],
        ),
        ({"threshold": b"9", "thresholds": b"9"}, []),
        ({"exposure": b"9"}, []),
    ],
    ids=["misspelt", "another one beside it", "not described"],
)
def test_a_name_that_is_almost_that_of_a_parameter_is_remarked_on(
    given: dict[str, bytes], remarks: list[str], files: list[Path]
) -> None:
    assert replay(Sees, Reduces, files, parameters=given).remarks == remarks

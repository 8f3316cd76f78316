"""The analyses that users were shown how to write run as they stand, on what a real scan sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.analysis import ReducerAnalysis, WorkerAnalysis, load_class
from beamloom.devices.captures import read_capture
from beamloom.devices.contrast import ContrastReader
from beamloom.devices.xspress3 import Xspress3Reader
from beamloom.events import Event, Malformed, Packet, Result
from beamloom.parameters import Parameters, ParameterSet, load_parameter_file
from beamloom.pipeline_file import read_pipeline

SEEDS = Path(__file__).parent / "seeds"
EXAMPLE = Path(__file__).parents[2] / "examples" / "fluorescence"
ROI = ParameterSet({"roi1": b"[0, 10]"})
FIRST, LAST = (-2.004051863, -2.002903037), (1.999828501, 2.001959397)


@pytest.fixture(autouse=True)
def untouched_imports() -> Iterator[None]:
    """Leave the import system as it was."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name in {"worker", "reducer", "beamloom_fluorescence"} or name.split(".")[0] == "src":
            del sys.modules[name]


def packets(reader: ContrastReader | Xspress3Reader, capture: Path) -> list[Packet]:
    """What the device's source makes of the capture."""
    items: list[Packet | Malformed] = []
    for message in read_capture(capture):
        reader.take(list(message), items)
    read = [item for item in items if isinstance(item, Packet)]
    assert len(read) == len(items)
    return read


@pytest.fixture(scope="module")
def events(shared_data: Path) -> list[Event]:
    """The mesh scan of 20 points: its start, its points, its end."""
    contrast = packets(ContrastReader(), shared_data / "captures" / "contrast-dump.cbors")
    xspress3 = packets(Xspress3Reader(), shared_data / "captures" / "xspress3-dump.cbors")
    return [
        Event(number, {"contrast": point, "xspress3": spectrum})
        for number, (point, spectrum) in enumerate(zip(contrast, xspress3, strict=True))
    ]


def written(tmp_path: Path, seed: str) -> Path:
    """A checkout as the tutorial lays it out: ``src/worker.py`` and ``src/reducer.py``."""
    folder = tmp_path / "src"
    folder.mkdir()
    for part in ("worker", "reducer"):
        (folder / f"{part}.py").write_text((SEEDS / f"{seed}_{part}.txt").read_text())
    return tmp_path


def run(
    events: list[Event], folder: Path, worker: str, reducer: str, parameters: ParameterSet
) -> ReducerAnalysis:
    """Each event through the worker, each result through the reducer, as a pipeline without engine."""
    mapped = WorkerAnalysis(load_class(worker, folder))
    reduced = ReducerAnalysis(load_class(reducer, folder))
    mapped.start(parameters, {})
    reduced.start(parameters, {})
    for event in events:
        payload = mapped.process_event(event, parameters, False)
        if payload is not None:
            reduced.process_result(
                Result(event.event_number, "worker-1", parameters.hash, payload), parameters
            )
    mapped.finish(parameters)
    reduced.finish(parameters)
    return reduced


def sums(events: list[Event], start: int, end: int) -> dict[tuple[float, float], int]:
    """The expected map, read from the frames by numpy alone."""
    expected = {}
    for event in events[1:-1]:
        point, spectrum = event.streams["contrast"].parse(), event.streams["xspress3"]
        counts = np.frombuffer(spectrum.frames[1], "<u4").reshape(4, 4096)
        expected[point.pseudo["x"][0], point.pseudo["y"][0]] = int(counts[3, start:end].sum())
    return expected


def test_the_tutorial_runs_as_it_stands(
    events: list[Event], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path, "tutorial")
    reduced = run(events, folder, "src.worker:FluorescenceWorker", "src.reducer:FluorescenceReducer", ROI)
    published = reduced.publish["map"]
    assert len(published) == 20
    positions = list(published)
    assert positions[0] == pytest.approx(FIRST)
    assert positions[-1] == pytest.approx(LAST)
    assert {position: point["roi1"] for position, point in published.items()} == sums(events, 0, 10)
    assert sum(point["roi1"] for point in published.values()) == 32
    assert capsys.readouterr().out.count("Result(") == 20


def test_the_tutorial_runs_with_a_parameter_file_that_is_a_plain_mapping(
    events: list[Event], tmp_path: Path
) -> None:
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps({"roi1": [1, 4]}))
    parameters = ParameterSet(load_parameter_file(path))
    folder = written(tmp_path, "tutorial")
    reduced = run(
        events, folder, "src.worker:FluorescenceWorker", "src.reducer:FluorescenceReducer", parameters
    )
    assert {position: point["roi1"] for position, point in reduced.publish["map"].items()} == sums(
        events, 1, 4
    )


def test_the_poster_runs_as_it_stands(
    events: list[Event], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path, "poster")
    worker = WorkerAnalysis(load_class("src.worker:FluorescenceWorker", folder))
    reducer = ReducerAnalysis(load_class("src.reducer:FluorescenceReducer", folder))
    parameters = Parameters()
    parameters.describe(worker.descriptions(), owner="worker")
    described = parameters.describe(reducer.descriptions(), owner="reducer")
    assert {name: value.value for name, value in described.items()} == {
        "roi1-start": 0,
        "dest_file": "",
        "dest_file_file": b"",
    }
    worker.start(described, {})
    reducer.start(described, {})
    assert worker.process_event(events[3], described, False) == {"position": (0.5, 3), "concentrations": ...}
    assert "Event(" in capsys.readouterr().out
    # the poster spells the key in two ways: a reducer that follows it works with a worker that does so too
    result = Result(3, "worker-1", described.hash, {"position": (0.5, 3), "concentations": 7})
    reducer.process_result(result, described)
    assert reducer.publish == {"map": {(0.5, 3): 7}}


@pytest.mark.parametrize(
    ("worker", "reducer"),
    [
        ("worker:FluorescenceWorker", "reducer:FluorescenceReducer"),
        ("beamloom_fluorescence:Worker", "beamloom_fluorescence:Reducer"),
    ],
)
def test_both_versions_of_the_example_give_the_map_of_the_scan(
    events: list[Event], worker: str, reducer: str
) -> None:
    parameters = ParameterSet(
        load_parameter_file(EXAMPLE / "parameters.json"),
        WorkerAnalysis(load_class(worker, EXAMPLE)).descriptions(),
    )
    reduced = run(events, EXAMPLE, worker, reducer, parameters)
    start, end = parameters["roi1"]
    expected = {position: {"roi1": value} for position, value in sums(events, start, end).items()}
    assert reduced.publish["map"] == expected
    assert len(expected) == 20
    assert len(set(sums(events, start, end).values())) > 1


def test_an_example_that_misses_a_stream_says_so_and_goes_on(
    events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    worker = WorkerAnalysis(load_class("worker:FluorescenceWorker", EXAMPLE))
    worker.start(ROI, {})
    assert worker.process_event(Event(1, {"contrast": events[1].streams["contrast"]}), ROI, False) is None
    assert "xspress3" in caplog.text


def test_the_second_version_of_the_example_is_half_as_long() -> None:
    def lines(*names: str) -> int:
        return sum(len((EXAMPLE / name).read_text().splitlines()) for name in names)

    assert lines("beamloom_fluorescence.py") <= lines("worker.py", "reducer.py") * 0.55


def test_the_parser_of_dranspose_gives_the_objects_that_its_data_modules_name(events: list[Event]) -> None:
    from dranspose.data.contrast import ContrastFinished, ContrastRunning, ContrastStarted
    from dranspose.data.xspress3 import XspressEnd, XspressImage, XspressStart
    from dranspose.middlewares import contrast, xspress

    def types(parse: Any, stream: str) -> list[type]:
        return [type(parse(events[number].streams[stream])) for number in (0, 1, -1)]

    assert types(contrast.parse, "contrast") == [ContrastStarted, ContrastRunning, ContrastFinished]
    assert types(xspress.parse, "xspress3") == [XspressStart, XspressImage, XspressEnd]


def test_the_pipeline_file_of_the_example_is_accepted() -> None:
    pipeline = read_pipeline(EXAMPLE / "pipeline.yaml")
    assert set(pipeline.streams) == {"contrast", "xspress3"}
    assert [group.worker_class for group in pipeline.worker_groups] == ["worker:FluorescenceWorker"]

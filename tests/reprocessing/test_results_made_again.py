"""A recorded run is reduced again: with what it had, and with what is wished otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from beamloom import Event, IntParameter, Parameter, ParameterSet, Result
from beamloom.cli import main
from beamloom.errors import UsageError
from beamloom.recordings import (
    KeptAnalysis,
    RecordedEpoch,
    RecordingNames,
    write_analysis,
    write_epochs,
)
from beamloom.replay import Audience, Replay, ReplayReport
from beamloom.reprocessing import Again, RecordedRun, Wish, recorded_at
from replay.material import RUN, one_part, write_run
from support.ports import quiet_address

EVENTS = 12
HERE = f"{__name__}:Scaled", f"{__name__}:Table"


class Scaled:
    """Returns the number of the event times two parameters."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [IntParameter(name="factor", default=1), IntParameter(name="offset", default=0)]

    def process_event(self, event: Event, parameters: ParameterSet) -> int:
        if int(parameters["offset"]) == 13 and event.event_number == 5:
            raise ValueError("an unlucky offset")
        return event.event_number * int(parameters["factor"]) + int(parameters["offset"])


class Table:
    """Keeps what it was given by event."""

    def __init__(self) -> None:
        self.publish: dict[str, dict[int, int]] = {"table": {}}

    def process_result(self, result: Result) -> None:
        self.publish["table"][result.event_number] = result.payload


def record(folder: Path) -> list[Path]:
    """A run of which the factor was 1, and from event 4 on 2, while the offset was 7."""
    names = RecordingNames(f"{folder}/", RUN)
    write_analysis(names, KeptAnalysis([HERE[0]], HERE[1], str(Path(__file__).parent.parent)))
    first = {"factor": b"1", "offset": b"7"}
    write_epochs(names, [RecordedEpoch(1, 0, first), RecordedEpoch(2, 4, {**first, "factor": b"2"})])
    cells = [[{"constraint": event // 2}] for event in range(EVENTS)]
    return write_run(folder, {"a": range(EVENTS), "b": range(EVENTS)}, one_part(a=cells, b=cells))


def again(folder: Path, **wish: object) -> tuple[Again, ReplayReport]:
    one = Again(recorded_at(folder), Wish(**wish))  # type: ignore[arg-type]
    return one, one.run(Audience())


def table(report: ReplayReport) -> Mapping[int, int]:
    found: Mapping[int, int] = report.publish["table"]
    return found


def test_without_a_wish_the_result_is_the_one_that_a_replay_gives(tmp_path: Path) -> None:
    files = record(tmp_path)
    _, report = again(tmp_path)
    assert table(report) == table(Replay(Scaled, Table, files).run())
    assert table(report) == {event: event * (1 if event < 4 else 2) + 7 for event in range(EVENTS)}


def test_a_value_holds_for_all_events_and_leaves_the_others_at_theirs(tmp_path: Path) -> None:
    record(tmp_path)
    one, report = again(tmp_path, parameters={"offset": b"100"})
    assert table(report) == {event: event * (1 if event < 4 else 2) + 100 for event in range(EVENTS)}
    assert [epoch.values["factor"] for epoch in report.epochs] == [1, 2]
    kept = one.record(report)
    assert (kept.again_of, kept.changed) == (RUN, {"offset": 100})
    assert kept.run != RUN
    assert "sha256" in kept.worker_code


def test_only_the_events_that_are_asked_for_are_in_the_result(tmp_path: Path) -> None:
    record(tmp_path)
    _, report = again(tmp_path, events=(3, 6))
    assert sorted(table(report)) == [3, 4, 5]
    assert report.coverage.text == "3-5"
    assert [cause for cause, _ in report.losses] == ["left out, as only a part of the events was asked for"]


def test_what_fails_is_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    record(tmp_path)
    one, report = again(tmp_path, parameters={"offset": b"13"})
    assert (report.counts.reduced, report.counts.failed) == (EVENTS - 1, 1)
    detail = one.told(EVENTS, report).detail
    assert detail is not None
    assert (detail.failed, detail.clean, detail.outcome) == (1, False, "incomplete")


def test_as_many_workers_are_there_as_the_map_needs(tmp_path: Path) -> None:
    record(tmp_path)
    cells = [[{"tags": ["generic"], "constraint": 0}, {"tags": ["generic"], "constraint": 1}]] * EVENTS
    write_run(tmp_path, {}, one_part(a=cells, b=cells))
    _, report = again(tmp_path)
    assert report.counts.reduced == EVENTS


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"parameters": {"factr": b"2"}}, r"no parameter 'factr' \(did you mean 'factor'\?\)"),
        ({"parameters": {"factor": b"many"}}, "'factor'"),
        ({"events": (20, None)}, r"--events 20: names no event of this run, which has 12"),
        ({"worker": f"{__name__}:Nobody"}, "has no class 'Nobody'"),
        ({"workers": 0}, "at least one"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_before_anything_is_run(
    tmp_path: Path, wish: dict[str, object], sentence: str
) -> None:
    record(tmp_path)
    with pytest.raises(Exception, match=sentence):
        Again(recorded_at(tmp_path), Wish(**wish))  # type: ignore[arg-type]


def test_without_a_word_of_the_classes_they_have_to_be_named(tmp_path: Path) -> None:
    files = record(tmp_path)
    with pytest.raises(UsageError, match="--worker"):
        Again(RecordedRun(RUN, tuple(files), None), Wish())
    with pytest.raises(UsageError, match="--reducer"):
        Again(RecordedRun(RUN, tuple(files), None), Wish(worker=HERE[0]))
    write_analysis(RecordingNames(f"{tmp_path}/", RUN), KeptAnalysis(["a:One", "a:Two"], HERE[1]))
    with pytest.raises(UsageError, match=r"2 classes \(a:One, a:Two\)"):
        Again(recorded_at(tmp_path), Wish())


def test_a_run_is_found_by_any_of_its_files_and_by_its_folder(tmp_path: Path) -> None:
    files = record(tmp_path)
    assert recorded_at(files[1]).files == tuple(sorted(files))
    assert recorded_at(tmp_path).files == tuple(sorted(files))
    other = "00000000-6e3e-4931-8dbc-245334e26eae"
    files[0].with_name(f"a-ingester-{other}.cbors").write_bytes(files[0].read_bytes())
    with pytest.raises(UsageError, match="recordings of 2 runs"):
        recorded_at(tmp_path)
    with pytest.raises(UsageError, match="there is no recording"):
        recorded_at(tmp_path / "elsewhere.cbors")
    nameless = tmp_path / "scan.cbors"
    nameless.write_bytes(files[0].read_bytes())
    with pytest.raises(UsageError, match="beamloom replay -f"):
        recorded_at(nameless)


def test_a_file_that_cannot_be_written_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path)
    (tmp_path / "taken").write_text("a file, and no folder")
    wanted = tmp_path / "taken" / "again.h5"
    words = ["reprocess", str(tmp_path), "--url", f"http://{quiet_address()}", "--capsules", ""]
    assert main([*words, "-o", str(wanted)]) == 1
    assert f"{wanted} cannot be written: " in (said := capsys.readouterr().err)
    assert said.rstrip().endswith("name another place with -o")
    assert main([*words, "-o", str(tmp_path / "again.h5")]) == 0

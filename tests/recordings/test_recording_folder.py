"""Names of a run's files, and finding them again."""

from __future__ import annotations

import json
from pathlib import Path

import cbor2
import pytest

from beamloom.errors import UsageError
from beamloom.recordings.folder import (
    Companions,
    RecordedEpoch,
    RecordingNames,
    find_companions,
    read_epochs,
    write_epochs,
    write_mapping,
    write_parameters,
)

RUN = "70b3ce40-6e3e-4931-8dbc-245334e26eae"
OTHER = "00000000-6e3e-4931-8dbc-245334e26eae"


def test_a_prefix_is_joined_as_it_is(tmp_path: Path) -> None:
    names = RecordingNames(f"{tmp_path}/scan_", RUN)
    assert names.packets("orca-ingester") == tmp_path / f"scan_orca-ingester-{RUN}.cbors"
    assert names.packets("orca-ingester", compressed=True).name.endswith(".cbors.gz")
    inside = RecordingNames(f"{tmp_path}/scans/", RUN)
    assert inside.mapping == tmp_path / "scans" / f"mapping-{RUN}.json"


def test_the_real_recording_has_the_name_that_its_prefix_gives(shared_data: Path) -> None:
    names = RecordingNames(f"{shared_data}/recordings/dump", RUN)
    assert names.packets("orca-ingester").is_file()
    assert find_companions(names.packets("orca-ingester")) == Companions(run=RUN)


@pytest.mark.parametrize("ending", ["", ".gz", ".part", ".gz.part"])
@pytest.mark.parametrize("prefix", ["scan_", "scans/"])
def test_companions_are_found_from_the_name_of_a_recording(tmp_path: Path, prefix: str, ending: str) -> None:
    names = RecordingNames(f"{tmp_path}/{prefix}", RUN)
    mapping = write_mapping(names, b'{"parts":{"main":{"mapping":{}}},"sequence":["main"]}')
    parameters = write_parameters(names, {"roi1": b"[10, 20]"})
    epochs = write_epochs(names, [])
    recording = Path(str(names.packets("orca-ingester")) + ending)
    recording.touch()
    assert find_companions(recording) == Companions(mapping, parameters, epochs, RUN)
    assert not list(tmp_path.rglob("*.json.part"))


def test_companions_of_other_runs_and_pipelines_are_left_alone(tmp_path: Path) -> None:
    ours = RecordingNames(f"{tmp_path}/b_", RUN)
    for names in (RecordingNames(f"{tmp_path}/b_", OTHER), RecordingNames(f"{tmp_path}/a_", RUN)):
        write_mapping(names, b"{}")
    assert find_companions(ours.packets("orca-ingester")).map_path is None
    general = write_mapping(RecordingNames(f"{tmp_path}/", RUN), b"{}")
    assert find_companions(ours.packets("orca-ingester")).map_path == general
    mapping = write_mapping(ours, b"{}")
    assert find_companions(ours.packets("orca-ingester")).map_path == mapping


def test_a_name_without_run_has_no_companions(tmp_path: Path) -> None:
    assert find_companions(tmp_path / "dump_xrd.cbors") == Companions()


def test_parameters_that_are_text_are_written_as_json(tmp_path: Path) -> None:
    path = write_parameters(RecordingNames(f"{tmp_path}/", RUN), {"name": "Möhre".encode(), "n": b"3"})
    assert path.suffix == ".json"
    assert json.loads(path.read_bytes()) == [{"name": "name", "data": "Möhre"}, {"name": "n", "data": "3"}]


@pytest.mark.parametrize("value", [b"a\0b", b"\xff\xfe"])
def test_parameters_that_are_not_text_are_written_as_cbor(tmp_path: Path, value: bytes) -> None:
    path = write_parameters(RecordingNames(f"{tmp_path}/", RUN), {"mask": value})
    assert path.suffix == ".cbor"
    assert cbor2.loads(path.read_bytes()) == [{"name": "mask", "data": value}]


def test_epochs_come_back_as_they_were(tmp_path: Path) -> None:
    epochs = [
        RecordedEpoch(0, 0, {"roi1": b"[1, 2]", "mask": b"\xff\0"}),
        RecordedEpoch(1, 117, {"roi1": b"[3, 4]", "mask": b""}),
    ]
    path = write_epochs(RecordingNames(f"{tmp_path}/", RUN), epochs)
    assert read_epochs(path) == epochs
    assert json.loads(path.read_bytes())[0]["parameters"][1] == {
        "name": "mask",
        "data": "/wA=",
        "encoding": "base64",
    }


@pytest.mark.parametrize(
    "content",
    ["[1]", "{", '[{"epoch":0,"first_event":0,"parameters":[{"name":"a","data":"!","encoding":"base64"}]}]'],
)
def test_a_file_that_holds_no_epochs_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "epochs.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="does not hold parameter epochs"):
        read_epochs(path)

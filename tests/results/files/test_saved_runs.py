"""Runs that are held no more, or that a reducer before this one has kept, are read back from their files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.engine.accounts.coverage import Coverage
from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.ranges import RangeSet
from beamloom.errors import UserError
from beamloom.results.covered import with_coverage
from beamloom.results.past import PastRuns
from beamloom.results.reading import Question, selected
from beamloom.results.record import EpochRecord, RunRecord
from beamloom.results.selection import NothingSelected
from beamloom.results.snapshot import Snapshot
from beamloom.results.tree import Dataset, Group, tree_of
from results.hdf5.trees import TREE

h5py = pytest.importorskip("h5py", reason="needs h5py")

from beamloom.results.files.hdf5 import Hdf5Writer  # noqa: E402
from beamloom.results.files.nexus import nexus_file  # noqa: E402
from beamloom.results.files.reading_back import record_in  # noqa: E402
from beamloom.results.files.replacing import ReplacedFile  # noqa: E402
from beamloom.results.files.saved import SavedRuns, pattern_of  # noqa: E402

OWN_ENTRY: dict[str, Any] = {
    "_attrs": {"default": "entry"},
    "entry": {
        "_attrs": {"NX_class": "NXentry"},
        "start_time": "today",
        "beamloom": {"mine": 1},
        "data": {"_attrs": {"NX_class": "NXdata", "signal": "y"}, "y": np.arange(3)},
    },
    "other": np.ones(2),
}
COVERAGE = Coverage(
    "r1", 10, RangeSet([(0, 5), (7, 8)]), RangeSet([(5, 6)]), RangeSet([(6, 7)]), (Loss(6, 7, "a gap"),)
)
RECORD = RunRecord(
    run="r1",
    started=1_700_000_000.0,
    ended=1_700_000_060.0,
    trigger_map='{"parts": {}}',
    epochs=(
        EpochRecord(epoch=2, first_event=0, parameters={"gain": 1.5}),
        EpochRecord(epoch=10, first_event=None, parameters={"roi": [1, 2]}),
    ),
    devices={"eiger": "dectris_v2"},
    worker_classes=["mine:Worker"],
    worker_code={"commit": "abc"},
    editions=[
        {"edition": 0, "first_event": 0, "events": None},
        {"edition": 1, "first_event": 7, "events": [[7, 9]]},
    ],
    coverage=COVERAGE.to_json(),
    code={"commit": "def"},
    packages={"numpy": "2"},
)


def save(path: Path, tree: dict[str, Any], about: RunRecord = RECORD) -> Path:
    whole = nexus_file(with_coverage(tree_of(tree), COVERAGE), about, 17, 1_700_000_070.0)
    return ReplacedFile(path).replace(lambda raw: Hdf5Writer().write(raw, whole))


def as_shown(node: Any) -> Any:
    """A tree as plain values, but for what is only in the manner of a file."""
    attributes = {
        name: None if value is None else np.asarray(value[...]).tolist()
        for name, value in sorted(node.attributes.items())
        if name != "default"
    }
    if isinstance(node, Group):
        return attributes, {name: as_shown(child) for name, child in sorted(node.children.items())}
    assert isinstance(node, Dataset)
    return attributes, None if node.values is None else np.asarray(node.values[...]).tolist()


@pytest.mark.parametrize("tree", [TREE, OWN_ENTRY, {}, {"entry": {"x": 1}}, {"entry": 3}], ids=range(5))
def test_what_was_published_is_what_is_read_back(tmp_path: Path, tree: dict[str, Any]) -> None:
    save(tmp_path / "r1.h5", tree)
    record, snapshot = SavedRuns(f"{tmp_path}/{{run}}.h5", "reducer", 2**30).find("r1")
    assert record == RECORD
    assert snapshot.coverage is not None
    assert snapshot.coverage.to_json() == COVERAGE.to_json()
    assert (snapshot.run, snapshot.version) == ("r1", 17)
    assert snapshot.publish is not None
    assert repr(as_shown(tree_of(snapshot.publish))) == repr(as_shown(tree_of(tree)))


def test_a_path_selects_the_same_in_a_file_as_it_did_before(tmp_path: Path) -> None:
    tree = {"map": {(0, 1): 2.0, (3, 4): 5.0}, "image": np.arange(12).reshape(3, 4)}
    save(tmp_path / "r1.h5", tree)
    _, snapshot = SavedRuns(f"{tmp_path}/{{run}}.h5", "reducer", 2**30).find("r1")
    for path, part in (("$.map.value", None), ("$.map.key_1", None), ("$.image", "1:,::2")):
        (now,) = selected(snapshot, Question(path, part)).value
        (then,) = selected(Snapshot(1, "r1", tree), Question(path, part)).value
        np.testing.assert_array_equal(np.asarray(now), np.asarray(then))


def test_files_are_found_by_their_template_and_other_files_are_left_aside(tmp_path: Path) -> None:
    template = f"{tmp_path}/[x]/{{name}}/{{date}}/a{{run}}-{{time}}.nxs"
    folder = tmp_path / "[x]" / "my_reducer" / "2026-01-31"
    for number, run in enumerate(["r1", "r2", "r3"]):
        about = RunRecord(run=run, started=1_700_000_000.0 + number)
        save(folder / "a-.nxs", {"n": number}, about)
    (folder / "a-broken.nxs").write_bytes(b"no HDF5")
    with h5py.File(folder / "a-other.nxs", "w") as other:
        other["data"] = 1
    saved = SavedRuns(template, "my reducer", 2**30)
    assert [record.run for record in saved.records()] == ["r3", "r2", "r1"]
    for number, run in enumerate(["r1", "r2", "r3"]):
        publish = saved.find(run)[1].publish
        assert publish is not None
        assert publish["n"] == number
    with pytest.raises(NothingSelected, match="no file holds"):
        saved.find("r4")
    assert SavedRuns(template, "another", 2**30).records() == []
    assert pattern_of("~/{run}.h5", "x") == os.path.expanduser("~/**.h5")


def test_a_file_is_looked_at_again_only_when_it_is_another(tmp_path: Path, monkeypatch: Any) -> None:
    looked: list[Path] = []

    def counting(path: Path) -> RunRecord:
        looked.append(path)
        return record_in(path)

    monkeypatch.setattr("beamloom.results.files.saved.record_in", counting)
    first, second = save(tmp_path / "a.h5", {}), save(tmp_path / "b.h5", {}, RunRecord(run="r2"))
    saved = SavedRuns(f"{tmp_path}/{{run}}.h5", "reducer", 2**30)
    assert len(saved.records()) == len(saved.records()) == 2
    assert sorted(looked) == [first, second]
    second.unlink()
    save(second, {}, RunRecord(run="r3"))
    assert {record.run for record in saved.records()} == {"r1", "r3"}
    assert len(looked) == 3


def test_what_is_too_large_to_be_read_back_is_told_with_its_file(tmp_path: Path) -> None:
    path = save(tmp_path / "r1.h5", {"image": np.zeros(1000)})
    with pytest.raises(UserError, match=r"8\d\d\d bytes in .*r1\.h5, more than .*open that file with h5py"):
        SavedRuns(f"{tmp_path}/{{run}}.h5", "reducer", 7999).find("r1")
    assert path.exists()


def held(run: str) -> Snapshot:
    return Snapshot(1, run, {"where": "memory"})


def test_runs_of_memory_come_before_those_of_files_and_the_present_one_is_none_of_them(
    tmp_path: Path,
) -> None:
    for number, run in enumerate(["r1", "r2", "r3", "now"]):
        save(tmp_path / f"{run}.h5", {"where": "file"}, RunRecord(run=run, started=float(number + 1)))
    past = PastRuns(2, 2**20, SavedRuns(f"{tmp_path}/{{run}}.h5", "reducer", 2**30))
    past.present = "now"
    assert past.find("last")[0].run == "r3", "of a reducer before this one"
    for run in ("r2", "r3"):
        past.add(RunRecord(run=run), held(run))
    assert [record.run for record in past.records()] == ["r3", "r2", "r1"]
    where = [(past.find(run)[1].publish or {})["where"] for run in ("r1", "r2", "last")]
    assert where == ["file", "memory", "memory"]
    past.add(RunRecord(run="r4"), held("r4"))
    assert (past.find("r2")[1].publish or {})["where"] == "file"
    assert past.find("r2")[1] is past.find("r2")[1], "it is not read twice"
    with pytest.raises(NothingSelected, match="is not held"):
        past.find("now")

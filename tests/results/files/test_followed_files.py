"""Readers follow a file while it is written, and what SWMR cannot do leads to a new one."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.errors import UsageError
from beamloom.results.files.autosave import places
from beamloom.results.files.nexus import nexus_file
from beamloom.results.tree import Group, tree_of
from results.files.saving import record, until

h5py = pytest.importorskip("h5py", reason="needs h5py")

from beamloom.results.files.following import SwmrFile  # noqa: E402
from support.patience import PATIENCE  # noqa: E402

HERE = Path(__file__).parent
KILLS = 6
LAST = 50


def version_of(number: int, **more: Any) -> Group:
    """A tree whose rows are as many as its version, and whose image holds it."""
    tree = {
        "rows": np.arange(number),
        "image": np.full((300, 40), number, ">u2"),
        "text": f"version {number}",
        "flag": bool(number % 2),
        **more,
    }
    return nexus_file(tree_of(tree), record(), number, 1_700_000_000.0)


def test_a_reader_in_another_process_follows_what_is_written(tmp_path: Path) -> None:
    place = SwmrFile(tmp_path / "a.h5")
    place.keep(version_of(0))
    follower = subprocess.Popen(
        [sys.executable, HERE / "follower.py", place.where, str(LAST)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "open\n"
        for number in range(1, LAST + 1):
            place.keep(version_of(number))
        assert follower.communicate(timeout=PATIENCE)[0] == f"{LAST}\n"
        assert follower.returncode == 0
    finally:
        follower.kill()
        follower.communicate()
        place.close()
    assert place.files == 1


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"image": np.zeros((300, 40), np.float32)},
        {"image": np.zeros((10, 300, 40), ">u2")},
        {"rows": np.arange(1)},
        {"flag": "now a text"},
        {"image": {"now": "a group"}},
    ],
    ids=["a new name", "another type", "another rank", "fewer rows", "a text", "a group"],
)
def test_what_swmr_cannot_do_is_a_new_file(tmp_path: Path, change: dict[str, Any]) -> None:
    place = SwmrFile(tmp_path / "a.h5")
    place.keep(version_of(3))
    place.keep(version_of(4))
    assert place.files == 1
    place.keep(version_of(5, **change))
    assert place.files == 2
    # In the process that writes, HDF5 wants the file opened as the writer has opened it.
    with h5py.File(place.where, "r", swmr=True, locking=False) as file:
        assert file["entry/beamloom/result_version"][()] == 5
        assert file["entry/text"].asstr()[()] == "version 5"
        for name in change:
            assert name in file["entry"]
    place.close()
    assert [one.name for one in tmp_path.iterdir()] == ["a.h5"]


def test_the_last_version_is_a_whole_file_that_opens_like_any_other(tmp_path: Path) -> None:
    place = SwmrFile(tmp_path / "a.h5", "gzip")
    for number in range(4):
        place.keep(version_of(number))
    place.keep(version_of(4), last=True)
    place.close()
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["entry/text"].asstr()[()] == "version 4"
        assert file["entry/rows"][()].tolist() == [0, 1, 2, 3]
        assert file["entry/beamloom/result_version"][()] == 4


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    image = np.full((300, 40), 7, ">u2")
    place = SwmrFile(tmp_path / "a.h5")
    place.keep(version_of(1, image=image))
    followed = place._followed
    assert followed is not None
    followed._file["entry/image"][0, 0] = 9
    place.keep(version_of(2, image=image))
    assert followed._file["entry/image"][0, 0] == 9
    assert followed._file["entry/rows"][()].tolist() == [0, 1]
    place.close()


@pytest.mark.processes
def test_the_file_of_a_killed_process_opens_with_swmr(tmp_path: Path) -> None:
    versions: list[int] = []
    for number in range(KILLS):
        path = tmp_path / f"{number}.h5"
        process = subprocess.Popen(
            [sys.executable, HERE / "victim.py", str(path), "swmr"], stdin=subprocess.PIPE
        )
        try:
            until(path.exists)
            threading.Event().wait(0.05 * number)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        with h5py.File(path, "r", swmr=True) as file:
            assert file["entry/first"].shape == (file["entry/second"].size,)
            versions.append(int(file["entry/beamloom/result_version"][()]))
            # The victim's first version sums to nothing.
            promised = versions[-1] if versions[-1] > 1 else 0
            assert file["entry/first"][()].sum() >= promised
            assert file["entry/second"][()].sum() >= promised
        # One that was killed before others could follow the file leaves it as files are.
        try:
            h5py.File(path, "r").close()
        except OSError as error:
            assert "h5clear" in str(error)  # noqa: PT017
    assert len(set(versions)) > 1, "all were killed at their first version, nothing was shown"


def test_swmr_is_refused_for_zarr_with_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"is for HDF5: let autosave end in \.h5"):
        places("{run}.zarr", "reducer", "none", swmr=True)

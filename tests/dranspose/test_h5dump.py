"""A publish tree becomes an HDF5 file."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest

from dranspose.helpers.h5dump import dump


def test_without_h5py_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match="pip install h5py"):
        dump({}, tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


class Lock(AbstractContextManager[None]):
    held = False
    entered = 0

    def __enter__(self) -> None:
        self.held = True
        self.entered += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.held = False


def test_groups_datasets_and_attributes_are_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    h5py = pytest.importorskip("h5py", reason="needs h5py")
    composite = np.array([(0.5, 1)], np.dtype({"names": ["a", "b"], "formats": [float, int]}))
    tree: dict[Any, Any] = {
        "_attrs": {"default": "other"},
        "live": 34,
        "other": {"third": [1, 2, 3], "names": ["a", "bc"], "_attrs": {"inner": True}},
        "other_attrs": {"NX_class": "NXdata", "axes": ["x", "y"]},
        "spaced group": {"space ds": 4.5, "space ds_attrs": {"unit": "mm"}},
        "image": np.ones((100, 10), ">u8"),
        "composite": composite,
        "text": "iron",
        "nothing": None,
        "lonely_attrs": {"a": 1},
        ("x", "y"): 5,
    }
    lock = Lock()
    path = tmp_path / "a.h5"
    dump(tree, str(path), lock)
    assert (lock.entered, lock.held) == (1, False)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]
    with h5py.File(path) as file:
        assert file.attrs["default"] == "other"
        assert file["live"][()] == 34
        assert file["other/third"][()].tolist() == [1, 2, 3]
        assert file["other/names"].asstr()[()].tolist() == ["a", "bc"]
        assert file["other"].attrs["NX_class"] == "NXdata"
        assert file["other"].attrs["axes"].tolist() == ["x", "y"]
        assert file["other"].attrs["inner"]
        assert file["spaced group/space ds"].attrs["unit"] == "mm"
        assert file["image"].dtype == ">u8"
        assert file["composite"][0]["b"] == 1
        assert file["text"].asstr()[()] == "iron"
        assert set(file) == {"live", "other", "spaced group", "image", "composite", "text"}
    assert "'nothing' of type NoneType is left out" in caplog.text
    assert "there is no 'lonely'" in caplog.text
    assert "key ('x', 'y') is left out" in caplog.text

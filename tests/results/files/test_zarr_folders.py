"""A tree comes back from a group of Zarr as it was, read by the zarr library in another process."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.results.files import exchanging
from beamloom.results.files.autosave import places
from beamloom.results.files.compression import Compression
from beamloom.results.files.exchanging import remove_unfinished_folders
from beamloom.results.files.place import ZarrFolder
from beamloom.results.files.replacing import UNFINISHED
from beamloom.results.record import RunRecord
from beamloom.results.tree import tree_of
from results.files.saving import until

pytest.importorskip("zarr", reason="needs zarr")

READER = Path(__file__).with_name("zarr_reader.py")
IMAGES = (np.arange(4 * 300 * 700) % 251).reshape(4, 300, 700).astype(">u2")
KILLS = 8


def read(what: str, *folders: Path) -> list[Any]:
    done = subprocess.run(
        [sys.executable, READER, what, *map(str, folders)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def kept(place: ZarrFolder, **publish: Any) -> Path:
    place.keep(tree_of(publish))
    return Path(place.where)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_every_kind_of_value_is_read_as_it_was_published(tmp_path: Path, compression: Compression) -> None:
    records = np.array([(1, b"ab", True), (258, b"c", False)], [("i", ">i4"), ("s", "S3"), ("b", "?")])
    tree = {
        "truth": True,
        "complex": np.array([1 + 2j]),
        "text": "Kα",
        "texts": np.array(["Fe", "Kβ"]),
        "bytes": np.array([b"a", b"bc"]),
        "times": np.array(["2026-01-01", "2026-01-02"], "M8[s]"),
        "records": records,
        "nothing": None,
        "c": np.arange(3, dtype=np.int8),
        "none at all": np.empty((0, 3)),
        "map": {(0.0, 1.0): 5.0, (1.0, 1.0): 6.0},
        "x": np.float32(1.5),
        "x_attrs": {"unit": "µm", "offsets": np.array([1, 2]), "nothing": None, "gap": np.nan},
        "_attrs": {"title": "a scan"},
    }
    place = ZarrFolder(tmp_path / "a.zarr", compression)
    (found,) = read("content", kept(place, **tree))
    assert place.left_out == {}
    values = {path: node["values"] for path, node in found.items() if "values" in node}
    assert values | {"times": ""} == {
        "truth": "True",
        "complex": "[(1+2j)]",
        "text": "'Kα'",
        "texts": "['Fe', 'Kβ']",
        "bytes": "[b'a', b'bc']",
        "times": "",
        "records": "[(1, b'ab', True), (258, b'c', False)]",
        "nothing": "[]",
        "c": "[0, 1, 2]",
        "none at all": "[]",
        "map/key_0": "[0.0, 1.0]",
        "map/key_1": "[1.0, 1.0]",
        "map/value": "[5.0, 6.0]",
        "x": "1.5",
    }
    assert found["times"]["attributes"]["units"] == "s since 1970-01-01T00:00:00"
    assert found["none at all"]["shape"] == [0, 3]
    assert found["x"]["dtype"] == "float32"
    assert found["x"]["attributes"] == {"unit": "µm", "offsets": [1, 2], "nothing": None, "gap": None}
    assert found["map"]["attributes"]["signal"] == "value"
    assert found[""]["attributes"]["title"] == "a scan"


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_arrays_of_many_chunks_are_read_whole(tmp_path: Path, compression: Compression) -> None:
    path = kept(ZarrFolder(tmp_path / "a.zarr", compression), images=IMAGES)
    chunks = [file for file in (path / "images/c").rglob("*") if file.is_file()]
    assert len(chunks) > 1
    (found,) = read("digests", path)
    assert found["images"] == hashlib.sha256(IMAGES.astype("<u2").tobytes()).hexdigest()


def test_an_array_that_has_not_changed_keeps_its_chunks(tmp_path: Path) -> None:
    place, growing = ZarrFolder(tmp_path / "a.zarr"), np.arange(5)
    path = kept(place, images=IMAGES, growing=growing, images_attrs={"n": 1})
    inode = (path / "images/c/0/0/0").stat().st_ino
    assert kept(place, images=IMAGES, growing=np.arange(6), images_attrs={"n": 2}) == path
    assert (path / "images/c/0/0/0").stat().st_ino == inode
    (found,) = read("content", path)
    assert found["images"]["attributes"] == {"n": 2}
    assert found["growing"]["values"] == "[0, 1, 2, 3, 4, 5]"
    assert [one.name for one in tmp_path.iterdir()] == ["a.zarr"]


def test_what_zarr_cannot_hold_is_a_sentence_in_its_place_and_is_told(tmp_path: Path) -> None:
    place = ZarrFolder(tmp_path / "a.zarr")
    tree = {"ragged": [[1, 2], [3]], "zarr.json": 1, "n" * 300: 2, "fine": 3}
    (found,) = read("content", kept(place, **tree))
    assert set(place.left_out) == {"/ragged", "/zarr.json", "/" + "n" * 300}
    assert "This could not be saved" in found["ragged"]["values"]
    assert found["fine"]["values"] == "3"


def test_an_attribute_that_zarr_cannot_hold_is_a_sentence_and_all_else_is_kept(tmp_path: Path) -> None:
    place = ZarrFolder(tmp_path / "a.zarr")
    odd = {"odd": np.zeros(1, "V3"), "unit": "mm"}
    (found,) = read("content", kept(place, x=5, x_attrs=odd, _attrs=odd))
    assert place.left_out.keys() == {"@odd", "/x@odd"}
    assert found["x"]["values"] == "5"
    assert found["x"]["attributes"]["unit"] == "mm"
    assert "This could not be saved" in found["x"]["attributes"]["odd"]


def test_the_ending_of_the_path_tells_the_format_and_zarr_needs_no_other_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    make = places(str(tmp_path / "{run}.zarr"), "reducer", "zstd")
    place = make(RunRecord(run="r"))
    place.keep(tree_of({"a": 1}))
    assert place.where == str(tmp_path / "r.zarr")
    with pytest.raises(ModuleNotFoundError, match="h5py"):
        places(str(tmp_path / "{run}.h5"), "reducer", "none")


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    place = ZarrFolder(tmp_path / "a.zarr")
    assert kept(place, a=1) == tmp_path / "a_1.zarr"
    assert kept(place, a=2) == tmp_path / "a_1.zarr"
    assert list((tmp_path / "a.zarr").iterdir()) == []


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_exchanges_nothing_serves_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(old: Path, new: Path, flags: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(exchanging, "_rename", refuse)
    place = ZarrFolder(tmp_path / "a.zarr")
    for version in range(3):
        path = kept(place, version=version)
    (found,) = read("content", path)
    assert found["version"]["values"] == "2"
    assert [one.name for one in tmp_path.iterdir()] == ["a.zarr"]


def test_what_was_moved_aside_when_its_writer_was_killed_is_put_back(tmp_path: Path) -> None:
    (tmp_path / f".a.zarr.before{UNFINISHED}").mkdir()
    (tmp_path / f".b.zarr.1{UNFINISHED}").mkdir()
    remove_unfinished_folders(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.zarr"]


def test_what_cannot_be_put_back_holds_up_nobody(tmp_path: Path) -> None:
    aside = tmp_path / f".b.zarr.before{UNFINISHED}"
    aside.mkdir()
    # A folder cannot take the name of a link, wherever that leads to.
    (tmp_path / "b.zarr").symlink_to(tmp_path / "nowhere")
    path = kept(ZarrFolder(tmp_path / "a.zarr"), version=1)
    assert read("content", path)[0]["version"]["values"] == "1"
    assert aside.is_dir()


def test_an_error_while_writing_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = ZarrFolder(tmp_path / "a.zarr")
    path = kept(place, version=1)

    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            kept(place, version=2)
    (found,) = read("content", path)
    assert found["version"]["values"] == "1"
    assert [one.name for one in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.processes
def test_the_folder_of_a_killed_process_opens_and_is_one_version(tmp_path: Path) -> None:
    victim, chance = Path(__file__).with_name("victim.py"), random.Random("zarr")
    paths = [tmp_path / f"{number}.zarr" for number in range(KILLS)]
    for path in paths:
        process = subprocess.Popen([sys.executable, str(victim), str(path), "gzip"], stdin=subprocess.PIPE)
        try:
            until(path.exists)
            threading.Event().wait(chance.random() * 0.15)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    assert len(set(read("version", *paths))) > 1, "all were killed at their first version, nothing was shown"
    kept(ZarrFolder(tmp_path / "next.zarr"), a=1)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([*(p.name for p in paths), "next.zarr"])

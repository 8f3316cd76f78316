"""All that a publish tree can hold comes back from an HDF5 file as it was."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.results.files.blocks import BLOCK_BYTES, blocks_of, chunk_shape
from beamloom.results.files.compression import Compression
from beamloom.results.tree import tree_of
from support.timing import soon_enough, timed

h5py = pytest.importorskip("h5py", reason="needs h5py")

from beamloom.results.files.following import SwmrFile  # noqa: E402
from beamloom.results.files.hdf5 import Hdf5Writer  # noqa: E402
from beamloom.results.files.place import Hdf5File  # noqa: E402
from beamloom.results.files.replacing import ReplacedFile  # noqa: E402

IMAGES = (np.arange(4 * 300 * 700) % 251).reshape(4, 300, 700).astype(">u2")


def saved(path: Path, publish: dict[str, Any], compression: Compression = "none") -> Hdf5Writer:
    writer = Hdf5Writer(compression)
    ReplacedFile(path).replace(lambda raw: writer.write(raw, tree_of(publish)))
    return writer


def test_every_kind_of_value_is_read_as_it_was_published(tmp_path: Path) -> None:
    records = np.array([(1, b"ab", "ü", True)], [("i", ">i4"), ("s", "S3"), ("u", "U2"), ("b", "?")])
    tree = {
        "truth": True,
        "truths": np.array([True, False]),
        "complex": np.array([1 + 2j]),
        "text": "Kα",
        "texts": np.array(["Fe", "Kβ"]),
        "bytes": np.array([b"a", b"bc"]),
        "times": np.array(["2026-01-01", "2026-01-02"], "M8[s]"),
        "records": records,
        "nothing": None,
        "ragged": [[1, 2], [3]],
        "images": IMAGES,
        "none at all": np.empty((0, 3)),
        "map": {(0.0, 1.0): 5.0, (1.0, 1.0): 6.0},
    }
    assert saved(tmp_path / "a.h5", tree).left_out == {}
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["truth"][()] is np.True_
        assert file["truths"][()].tolist() == [True, False]
        assert file["complex"][0] == 1 + 2j
        assert file["text"].asstr()[()] == "Kα"
        assert file["texts"].asstr()[()].tolist() == ["Fe", "Kβ"]
        assert file["bytes"][()].tolist() == [b"a", b"bc"]
        assert file["times"].attrs["units"] == "s since 1970-01-01T00:00:00"
        assert file["times"][1] - file["times"][0] == 86400
        row = file["records"][0]
        assert (row["i"], row["s"], row["u"].decode(), row["b"]) == (1, b"ab", "ü", True)
        assert file["nothing"].shape is None
        assert [list(part) for part in file["ragged"][()]] == [[1, 2], [3]]
        assert file["images"].dtype == ">u2"
        np.testing.assert_array_equal(file["images"][()], IMAGES)
        assert file["none at all"].shape == (0, 3)
        assert file["map/key_0"][()].tolist() == [0.0, 1.0]
        assert file["map"].attrs["signal"] == "value"


def test_attributes_may_be_large_or_without_a_value(tmp_path: Path) -> None:
    saved(tmp_path / "a.h5", {"x": 1, "x_attrs": {"large": np.arange(50_000), "nothing": None, "unit": "mm"}})
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"].attrs["large"].sum() == sum(range(50_000))
        assert file["x"].attrs["nothing"].shape is None
        assert file["x"].attrs["unit"] == "mm"


NO_FIELDS = np.zeros(2, np.dtype([]))
"""HDF5 has no type for it."""


@pytest.mark.parametrize("place", [Hdf5File, SwmrFile], ids=["anew", "followed"])
def test_an_attribute_that_cannot_be_written_is_a_sentence_and_all_else_is_kept(
    tmp_path: Path, place: type[Hdf5File] | type[SwmrFile]
) -> None:
    odd = {"odd": NO_FIELDS, "unit": "mm"}
    tree = {"_attrs": odd, "group": {"_attrs": odd, "x": 5, "x_attrs": odd}}
    kept = place(tmp_path / "a.h5")
    kept.keep(tree_of(tree))
    assert kept.left_out.keys() == {"@odd", "/group@odd", "/group/x@odd"}
    kept.close()
    with h5py.File(tmp_path / "a.h5") as file:
        for node in (file, file["group"], file["group/x"]):
            assert node.attrs["unit"] == "mm"
            assert "This could not be saved" in node.attrs["odd"]
        assert file["group/x"][()] == 5


def test_texts_that_hdf5_cannot_hold_are_kept_in_their_escaped_form(tmp_path: Path) -> None:
    names = np.array(["run\udc80.h5", "a\0b", "é"])
    records = np.array([("\udc80",)], [("name", "U3")])
    tree = {"names": names, "_attrs": {"names": names}, "records": records}
    assert saved(tmp_path / "a.h5", tree).left_out == {}
    with h5py.File(tmp_path / "a.h5") as file:
        for found in (file["names"].asstr()[()], file.attrs["names"]):
            assert found.tolist() == ["run\\udc80.h5", "a\\x00b", "é"]
        assert file["records"][0]["name"] == b"?"


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_packed_datasets_are_read_as_they_were_published(tmp_path: Path, compression: Compression) -> None:
    if compression == "zstd":
        pytest.importorskip("hdf5plugin", reason="needs hdf5plugin")
    saved(tmp_path / "a.h5", {"images": IMAGES, "small": np.arange(3)}, compression)
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["images"][()], IMAGES)
        assert file["small"].chunks is None
    assert (tmp_path / "a.h5").stat().st_size < IMAGES.nbytes / 3


def test_a_packed_dataset_that_has_not_changed_is_copied_from_the_last_version(tmp_path: Path) -> None:
    writer, file = Hdf5Writer("gzip"), ReplacedFile(tmp_path / "a.h5")
    tree: dict[str, Any] = {"kept": IMAGES, "kept_attrs": {"n": 1}, "changing": IMAGES + 1}
    file.replace(lambda raw: writer.write(raw, tree_of(tree)))
    assert writer.copied == 0
    tree |= {"changing": IMAGES + 2, "kept_attrs": {"n": 2}}
    before = file.path
    file.replace(lambda raw: writer.write(raw, tree_of(tree), before))
    assert writer.copied == 1
    with h5py.File(tmp_path / "a.h5") as read:
        np.testing.assert_array_equal(read["kept"][()], IMAGES)
        np.testing.assert_array_equal(read["changing"][()], IMAGES + 2)
        assert read["kept"].attrs["n"] == 2


def test_what_cannot_be_read_is_a_sentence_in_its_place_and_is_told(tmp_path: Path) -> None:
    class Broken:
        shape = (5,)
        dtype = np.dtype(float)

        def __getitem__(self, key: Any) -> Any:
            raise RuntimeError("the detector file is gone")

    writer = saved(tmp_path / "a.h5", {"broken": Broken(), "whole": 1})
    assert writer.left_out == {"/broken": "RuntimeError: the detector file is gone"}
    with h5py.File(tmp_path / "a.h5") as file:
        assert "the detector file is gone" in file["broken"].asstr()[()]
        assert file["whole"][()] == 1


@pytest.mark.parametrize(
    "shape", [(), (0,), (7,), (3, BLOCK_BYTES // 8), (1_000_003,), (5, 7, 200_000), (2, 0)]
)
def test_blocks_cover_every_element_once(shape: tuple[int, ...]) -> None:
    counts = np.zeros(shape, np.int64)
    for key in blocks_of(counts):
        counts[key] += 1
        assert counts[key].nbytes <= BLOCK_BYTES
    assert (counts == 1).all()


def test_chunks_are_small_and_never_empty() -> None:
    for shape in [(1,), (10_000_000,), (3, 4000, 4000), (100_000, 2)]:
        chunk = chunk_shape(shape, 8)
        assert 1 <= np.prod(chunk) * 8 <= 2**20
        assert all(1 <= part <= whole for part, whole in zip(chunk, shape, strict=True))


def test_other_threads_run_while_a_large_file_is_written(tmp_path: Path) -> None:
    tree = tree_of({"large": np.ones(12_500_000)})

    def others_wait() -> float:
        """The longest time, as a share of all that writing takes, or of 0.1 s."""
        longest, done = 0.0, threading.Event()

        def watch() -> None:
            nonlocal longest
            last = time.perf_counter()
            while not done.wait(0.001):
                now = time.perf_counter()
                longest, last = max(longest, now - last), now

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            with timed() as writing:
                ReplacedFile(tmp_path / "a.h5").replace(lambda raw: Hdf5Writer().write(raw, tree))
        finally:
            done.set()
            watcher.join()
        return longest / max(0.1, writing.seconds)

    soon_enough(others_wait, 0.5)

"""Series as they are on disk."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from beamloom.rules import RuleRefused, SpoolWriter, describe
from beamloom.rules.sources import open_source
from rules.conftest import frames


def test_a_frame_that_is_not_whole_does_not_count(tmp_path: Path) -> None:
    pixels = frames(3)
    with SpoolWriter(tmp_path / "s", (6, 5), "u2", {"voxelsize": {"x": 0.1}}) as writer:
        writer.write(pixels)
        with open(tmp_path / "s" / "frames.raw", "ab") as file:
            file.write(b"half")
            file.flush()
            source = open_source(describe(tmp_path / "s"))
            assert (source.count(), source.closed()) == (3, False)
        assert (source.read(1, 3) == pixels[1:]).all()
    assert source.closed()
    assert source.metadata() == {"voxelsize": {"x": 0.1}}


def test_a_closed_series_with_fewer_frames_than_it_says_is_an_error(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path / "s", (6, 5), "u2") as writer:
        writer.write(frames(3))
    (tmp_path / "s" / "frames.raw").write_bytes(b"")
    with pytest.raises(OSError, match="says that it has 3 frames, and has 0"):
        open_source(describe(tmp_path / "s")).count()


def test_a_series_is_not_written_over(tmp_path: Path) -> None:
    SpoolWriter(tmp_path / "s", (6, 5), "u2").close()
    with pytest.raises(RuleRefused, match="has a series already"):
        SpoolWriter(tmp_path / "s", (6, 5), "u2")


def test_a_folder_of_files_is_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    pixels = frames(11)
    for index, frame in enumerate(pixels):
        np.save(tmp_path / f"frame{index + 1}.npy", frame)
    source = open_source(describe(tmp_path))
    assert (source.count(), source.closed()) == (11, False)
    assert (source.read(0, 11) == pixels).all()
    (tmp_path / "events.json").write_text("[]")
    assert source.closed()


def test_a_gap_in_a_growing_folder_is_waited_for_and_in_a_closed_one_an_error(tmp_path: Path) -> None:
    for index in (0, 1, 3):
        np.save(tmp_path / f"{index:05d}.npy", np.zeros((2, 2)))
    source = open_source(describe(tmp_path))
    assert source.count() == 2
    (tmp_path / "closed.json").write_text("{}")
    with pytest.raises(OSError, match="none with the number 2"):
        source.count()


def test_a_frame_that_comes_before_the_first_one_is_told(tmp_path: Path) -> None:
    for number in (3, 4):
        np.save(tmp_path / f"frame_{number}.npy", frames(1)[0])
    source = open_source(describe(tmp_path))
    assert source.count() == 2
    np.save(tmp_path / "frame_2.npy", frames(1)[0])
    with pytest.raises(OSError, match="taken for others"):
        source.count()


def test_an_empty_file_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "0.npy").touch()
    with pytest.raises(OSError, match=r"0\.npy cannot be read"):
        open_source({"kind": "folder", "path": str(tmp_path)}).read(0, 1)


def test_an_array_in_an_hdf5_file_is_found_by_itself_or_by_name(tmp_path: Path) -> None:
    pixels = frames(4)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data"] = pixels
        file["entry/data"].attrs["exposure"] = 0.5
        file["entry/other"] = np.zeros(3)
    source = open_source({"kind": "hdf5", "path": str(tmp_path / "a.h5"), "quiet": 0})
    assert (source.count(), source.closed(), source.metadata()) == (4, True, {"exposure": 0.5})
    assert (source.read(1, 3) == pixels[1:3]).all()
    source.close()
    source = open_source({**describe(tmp_path / "a.h5", "nowhere"), "quiet": 0})
    with pytest.raises(RuleRefused, match="no dataset 'nowhere'"):
        source.count()
    source.close()


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_a_file_of_a_growing_folder_counts_when_all_of_it_is_there(tmp_path: Path, suffix: str) -> None:
    for index in range(3):
        path = tmp_path / f"{index}{suffix}"
        if suffix == ".npy":
            np.save(path, frames(3)[index])
        else:
            pytest.importorskip("tifffile").imwrite(path, frames(3)[index], photometric="minisblack")
    content = (tmp_path / f"1{suffix}").read_bytes()
    source = open_source(describe(tmp_path))
    for length in (0, 4, len(content) // 2, len(content) - 1):
        (tmp_path / f"1{suffix}").write_bytes(content[:length])
        assert source.count() == 1
    (tmp_path / f"1{suffix}").write_bytes(content)
    assert source.count() == 3
    assert (source.read(0, 3) == frames(3)).all()


def test_an_hdf5_file_that_its_writer_has_for_itself_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    source = open_source({"kind": "hdf5", "path": str(path), "quiet": 0})
    assert (source.closed(), source.count(), source.metadata()) == (False, 0, {})
    with h5py.File(path, "w") as file:
        file["data"] = frames(4)
        file.flush()
        assert (source.closed(), source.count()) == (False, 0)
    assert (source.closed(), source.count()) == (True, 4)
    assert (source.read(0, 4) == frames(4)).all()
    source.close()


def test_an_hdf5_file_ends_when_it_says_so_or_a_file_beside_it_does(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["entry/data"] = frames(4)
        file["entry/end_time"] = np.array(b"", "S32")
    told = open_source({"kind": "hdf5", "path": str(path), "end": "over", "quiet": 0})
    says = open_source({"kind": "hdf5", "path": str(path), "quiet": 0})
    quiet = open_source({"kind": "hdf5", "path": str(path), "dataset": "entry/data", "quiet": 1e9})
    assert [source.closed() for source in (told, says, quiet)] == [False] * 3
    (tmp_path / "over").touch()
    assert [source.closed() for source in (told, says, quiet)] == [True, False, False]
    with h5py.File(path, "a") as file:
        file["entry/end_time"][()] = b"2026-01-01T00:00:00Z"
    assert [source.closed() for source in (told, says, quiet)] == [True] * 3


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_a_stack_of_images_is_read(tmp_path: Path, suffix: str) -> None:
    pixels, path = frames(4), tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, pixels)
    else:
        tifffile = pytest.importorskip("tifffile")
        tifffile.imwrite(path, pixels, photometric="minisblack")
    source = open_source(describe(path))
    assert source.count() == 4
    assert (source.read(2, 4) == pixels[2:]).all()


def test_a_source_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(RuleRefused, match=r"did you mean 'spool'.*folder, hdf5"):
        open_source({"kind": "spol", "path": "x"})

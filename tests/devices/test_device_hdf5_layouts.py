"""In files of each layout that is known the frames are found, and where several stacks may be meant none is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from beamloom.cli import main
from beamloom.devices.hdf5.choice import NoFrames, SeveralStacks, choose
from devices.hdf5_reading import expect_stack, packets_of, read_file

STACK = np.arange(6 * 8 * 10, dtype=np.uint16).reshape(6, 8, 10)


def put(
    group: h5py.Group, name: str, stack: np.ndarray[tuple[int, ...], np.dtype[np.uint16]] = STACK
) -> None:
    group.create_dataset(name, data=stack, chunks=(1, *stack.shape[1:]), **hdf5plugin.Bitshuffle())


def cxi_of_one_detector(file: h5py.File) -> str:
    file["cxi_version"] = 160
    put(file, "entry_1/instrument_1/detector_1/data")
    file["entry_1/data_1/data"] = h5py.SoftLink("/entry_1/instrument_1/detector_1/data")
    file["entry_1/image_1/data"] = np.zeros((2, 3, 3))
    file["entry_1/image_1/mask"] = np.zeros((8, 10))
    return "CXI"


def cxi_of_a_detector_alone(file: h5py.File) -> str:
    put(file, "entry_1/instrument_1/detector_1/data")
    file["entry_1/instrument_1/detector_1/corner_positions"] = np.zeros((2, 4, 3))
    return "CXI"


def cxi_of_images_alone(file: h5py.File) -> str:
    put(file, "entry_1/image_1/data")
    file["entry_1/result_1/peakXPosRaw"] = np.zeros((6, 2048))
    file["entry_1/image_1/reconstructions"] = np.zeros((2, 3, 3))
    return "CXI"


def nxmx(file: h5py.File) -> str:
    entry = file.create_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    entry["definition"] = "NXmx"
    data = entry.create_group("data")
    data.attrs.update({"NX_class": "NXdata", "signal": "data"})
    put(data, "data")
    file["entry/instrument/detector/detectorSpecific/flatfield"] = np.zeros((2, 8, 10))
    return "NeXus"


def nexus_of_before_2014(file: h5py.File) -> str:
    entry = file.create_group("scan_1")
    entry.attrs["NX_class"] = "NXentry"
    data = entry.create_group("plot")
    data.attrs["NX_class"] = "NXdata"
    data["x"] = np.zeros(6)
    put(data, "counts")
    data["counts"].attrs["signal"] = 1
    return "NeXus"


def jungfrau_of_swissfel(file: h5py.File) -> str:
    put(file, "data/JF07T32V02/data")
    file["data/JF07T32V02/frame_index"] = np.zeros((6, 1))
    file["general/gain"] = np.zeros((3, 8, 10))
    return "by detector"


def data_file_of_a_receiver(file: h5py.File) -> str:
    put(file, "entry/data/data")
    file["entry/instrument/detector/pedestal"] = np.zeros((3, 8, 10))
    return "/entry/data"


def one_stack(file: h5py.File) -> str:
    put(file, "some/where")
    file["some/alias"] = file["some/where"]
    file["some/background"] = np.zeros((8, 10))
    return "the only stack of images"


@pytest.mark.parametrize(
    "write",
    [
        cxi_of_one_detector,
        cxi_of_a_detector_alone,
        cxi_of_images_alone,
        nxmx,
        nexus_of_before_2014,
        jungfrau_of_swissfel,
        data_file_of_a_receiver,
        one_stack,
    ],
)
def test_the_frames_of_each_layout_are_found(
    tmp_path: Path, write: Callable[[h5py.File], str], capsys: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        layout = write(file)
        assert choose(file).layout == layout
    items = read_file(tmp_path / "a.h5")
    expect_stack(items, STACK)
    assert packets_of(items)[1].parse().compression == "bslz4"
    assert main(["inspect", str(tmp_path / "a.h5")]) == 0
    shown = capsys.readouterr().out
    assert f"({layout}), 1 part" in shown
    assert "8×10   uint16  bslz4" in shown


def several_detectors_of_cxi(file: h5py.File) -> list[str]:
    put(file, "entry_1/data_1/data")
    put(file, "entry_1/data_2/data")
    return ["/entry_1/data_1/data", "/entry_1/data_2/data"]


def several_detectors_of_swissfel(file: h5py.File) -> list[str]:
    put(file, "data/JF01/data")
    put(file, "data/JF02/data")
    return ["/data/JF01/data", "/data/JF02/data"]


def several_stacks(file: h5py.File) -> list[str]:
    put(file, "frames")
    put(file, "darks", STACK[:2])
    return ["/frames", "/darks"]


@pytest.mark.parametrize("write", [several_detectors_of_cxi, several_detectors_of_swissfel, several_stacks])
def test_where_several_stacks_may_be_meant_none_is_taken_and_all_are_listed(
    tmp_path: Path, write: Callable[[h5py.File], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        names = write(file)
        with pytest.raises(SeveralStacks, match="say which one it is with dataset:") as raised:
            choose(file)
    assert all(name in str(raised.value) for name in names)
    assert main(["inspect", str(tmp_path / "a.h5")]) == 0
    shown = capsys.readouterr().out
    assert "takes none: there are several stacks" in shown
    expect_stack(read_file(tmp_path / "a.h5", dataset=names[0]), STACK)
    assert main(["inspect", str(tmp_path / "a.h5"), "--dataset", names[0]]) == 0
    assert f"takes {names[0]} (named in the settings)" in capsys.readouterr().out


def test_a_link_to_one_other_file_is_followed_and_named_by_the_link(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        put(file, "raw/all")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data/data"] = h5py.ExternalLink("frames.h5", "/raw/all")
    expect_stack(read_file(tmp_path / "a.h5"), STACK)
    assert main(["inspect", str(tmp_path / "a.h5")]) == 0
    assert "takes /entry/data/data (/entry/data)" in capsys.readouterr().out


def test_a_link_that_leads_nowhere_yet_is_not_another_stack(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data/data"] = h5py.ExternalLink("frames.h5", "/raw/all")
        file["entry/flatfield"] = np.zeros((2, 8, 10))
        with pytest.raises(
            NoFrames, match=r"/entry/data/data leads to /raw/all in frames.h5, which is not there"
        ):
            choose(file)


def test_inspect_shows_the_parts_of_a_master_and_which_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in (1, 2):
        with h5py.File(tmp_path / f"run_data_{part:06d}.h5", "w") as file:
            put(file, "entry/data/data", STACK[3 * part - 3 : 3 * part])
    with h5py.File(tmp_path / "run_master.h5", "w") as file:
        data = file.create_group("entry/data")
        for part in (1, 2):
            data[f"data_{part:06d}"] = h5py.ExternalLink(f"run_data_{part:06d}.h5", "/entry/data/data")
    assert main(["inspect", str(tmp_path / "run_master.h5")]) == 0
    assert "takes /entry/data (/entry/data), 2 parts" in capsys.readouterr().out
    (tmp_path / "run_data_000002.h5").unlink()
    assert main(["inspect", str(tmp_path / "run_master.h5")]) == 1
    shown = capsys.readouterr().out
    assert "run_data_000001.h5  /entry/data/data  3 " in shown
    assert "damaged: run_data_000002.h5 is not there" in shown


def test_inspect_says_what_is_wrong_with_a_file_that_was_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        put(file, "data")
    octets = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(octets[: len(octets) // 2])
    assert main(["inspect", str(tmp_path / "a.h5")]) == 1
    assert "damaged: " in capsys.readouterr().out


@pytest.mark.parametrize("sign", [b"TREE", b"HEAP", b"SNOD"])
def test_inspect_says_what_is_wrong_with_a_file_whose_groups_are_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sign: bytes
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        put(file, "entry/data/data")
    octets = (tmp_path / "a.h5").read_bytes()
    assert sign in octets
    (tmp_path / "a.h5").write_bytes(octets.replace(sign, b"\0\0\0\0"))
    assert main(["inspect", str(tmp_path / "a.h5")]) == 1
    assert "damaged: " in capsys.readouterr().out


def test_a_dataset_of_a_type_that_numpy_does_not_have_is_no_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        put(file, "frames")
        h5py.h5d.create(file.id, b"begun", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((1,), (1,)))
        assert choose(file).name == "/frames"
    assert main(["inspect", str(tmp_path / "a.h5")]) == 0
    assert "takes /frames" in capsys.readouterr().out

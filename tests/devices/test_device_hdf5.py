"""Files written by h5py are read frame by frame, whole or growing, and no frame that is missing moves another."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from beamloom.devices import hdf5
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.file_reading.background import BackgroundSource
from beamloom.devices.hdf5 import Hdf5End, Hdf5Frame, Hdf5Settings, Hdf5Start
from beamloom.devices.hdf5.simulator import Hdf5Simulator, generate
from beamloom.events import Event, Malformed, PacketKind
from beamloom.triggermap import uniform
from devices.hdf5_reading import (
    Item,
    expect_stack,
    frames_by_number,
    packets_of,
    read_file,
    read_series,
)
from devices.one_run import run_through
from support.patience import PATIENCE

STACK = np.arange(6 * 8 * 10, dtype=np.uint16).reshape(6, 8, 10)


FILTERS: list[Any] = [
    pytest.param({}, "none", id="no filter"),
    pytest.param(dict(hdf5plugin.Bitshuffle(cname="lz4")), "bslz4", id="bitshuffle and LZ4"),
    pytest.param(dict(hdf5plugin.Bitshuffle(cname="zstd")), "bszstd", id="bitshuffle and Zstandard"),
    pytest.param(dict(hdf5plugin.LZ4()), "lz4", id="LZ4"),
    pytest.param({"compression": "gzip"}, "gzip", id="gzip"),
    pytest.param({"compression": "gzip", "shuffle": True}, "shuffle-gzip", id="shuffle and gzip"),
    pytest.param(dict(hdf5plugin.Zstd()), "zstd", id="Zstandard"),
    pytest.param({"shuffle": True, **hdf5plugin.Zstd()}, "shuffle-zstd", id="shuffle and Zstandard"),
    pytest.param({"shuffle": True, **hdf5plugin.LZ4()}, "shuffle-lz4", id="shuffle and LZ4"),
    pytest.param(dict(hdf5plugin.Blosc(cname="lz4")), "blosc", id="Blosc"),
    pytest.param({"fletcher32": True}, "none", id="a checksum, through h5py"),
]


@pytest.mark.parametrize("dtype", ["<u2", ">i4", "<f4", "|u1"])
@pytest.mark.parametrize(("filters", "compression"), FILTERS)
def test_frames_are_what_h5py_wrote(
    tmp_path: Path, filters: dict[str, Any], compression: str, dtype: str
) -> None:
    stack = (STACK % 200).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("entry/data/data", data=stack, chunks=(1, 8, 10), **filters)
        # A filter leaves alone what it would not make smaller.
        left_out = data.id.read_direct_chunk((0, 0, 0))[0] != 0 and compression == "blosc"
    items = read_file(tmp_path / "a.h5")
    expect_stack(items, stack)
    first = packets_of(items)[1].parse()
    assert (first.compression, first.shape, first.dtype) == (
        "none" if left_out else compression,
        [8, 10],
        dtype,
    )
    assert not first.array.flags.writeable


def test_a_compressed_chunk_is_passed_on_as_it_is(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("data", data=STACK, chunks=(1, 8, 10), **hdf5plugin.Bitshuffle())
        chunk = data.id.read_direct_chunk((2, 0, 0))[1]
    assert packets_of(read_file(tmp_path / "a.h5"))[3].frames[1] == chunk


def test_chunks_that_are_not_one_frame_and_contiguous_stacks_are_read_through_h5py(tmp_path: Path) -> None:
    for name, layout in (("a", {"chunks": (4, 3, 10), "compression": "gzip"}), ("b", {})):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("x", data=STACK, **layout)
        expect_stack(read_file(f"file://{tmp_path}/{name}.h5"), STACK)


@pytest.mark.parametrize("readers", [1, 4])
@pytest.mark.parametrize("filters", [pytest.param(case.values[0], id=str(case.id)) for case in FILTERS])
@pytest.mark.parametrize("chunks", [(4, 3, 7), (1, 5, 10), (64, 8, 10)])
def test_chunks_of_several_frames_and_of_parts_of_frames_are_put_together(
    tmp_path: Path, filters: dict[str, Any], chunks: tuple[int, ...], readers: int
) -> None:
    stack = np.random.default_rng(1).poisson(3, (50, 8, 10)).astype(">u4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=stack, chunks=chunks, maxshape=(None, 8, 10), **filters)
    expect_stack(read_file(tmp_path / "a.h5", readers=readers), stack)


def test_of_a_chunk_in_part_written_the_rest_holds_the_fill_value(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("x", shape=(6, 8, 10), dtype="u2", chunks=(2, 4, 10), fillvalue=7)
        data[2, :4] = STACK[2, :4]
        data[5] = STACK[5]
    frames = frames_by_number(read_file(tmp_path / "a.h5"))
    # What shares no chunk with anything that was written was never written.
    assert list(frames) == [3, 4, 5, 6]
    np.testing.assert_array_equal(frames[3][:4], STACK[2, :4])
    assert (frames[3][4:] == 7).all()
    np.testing.assert_array_equal(frames[6], STACK[5])


def test_a_file_behind_a_user_block_is_read_through_h5py(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=512) as file:
        file.create_dataset("x", data=STACK, chunks=(1, 8, 10), compression="gzip")
    expect_stack(read_file(tmp_path / "a.h5"), STACK)


def test_a_stack_of_single_numbers_gives_one_number_an_event(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/energy"] = np.array([1.5, 2.5, 3.5])
    items = read_file(tmp_path / "a.h5", dataset="/entry/energy")
    assert [float(image) for image in frames_by_number(items).values()] == [1.5, 2.5, 3.5]


def test_the_default_signal_of_nexus_goes_before_other_stacks(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data/data"] = np.zeros((3, 2, 2))
        file.attrs["default"] = "measurement"
        entry = file.create_group("measurement")
        entry.attrs.update({"NX_class": "NXentry", "default": "plot"})
        plot = entry.create_group("plot")
        plot.attrs.update({"NX_class": "NXdata", "signal": "counts", "title": np.bytes_(b"a scan")})
        plot["counts"] = STACK
        plot["counts"].attrs["units"] = "photons"
        file["measurement/instrument/beam/incident_wavelength"] = 0.98
    items = read_file(tmp_path / "a.h5")
    expect_stack(items, STACK)
    start = packets_of(items)[0]
    assert (start.kind, start.number) == (PacketKind.START, None)
    parsed = start.parse()
    assert isinstance(parsed, Hdf5Start)
    assert (parsed.file, parsed.dataset) == (str(tmp_path / "a.h5"), "/measurement/plot/counts")
    assert parsed.attributes["/measurement/plot"]["title"] == "a scan"
    assert parsed.attributes["/measurement/plot/counts"] == {"units": "photons"}
    assert parsed.values == {"/measurement/instrument/beam/incident_wavelength": 0.98}


def write_parts(folder: Path, *, numbered: bool) -> None:
    """Three files of two frames each, as Eiger's file writer names them."""
    for part in range(3):
        with h5py.File(folder / f"run_data_{part + 1:06d}.h5", "w") as file:
            data = file.create_dataset(
                "entry/data/data",
                data=STACK[2 * part : 2 * part + 2],
                chunks=(1, 8, 10),
                **hdf5plugin.Bitshuffle(),
            )
            if numbered:
                data.attrs.update({"image_nr_low": 2 * part + 1, "image_nr_high": 2 * part + 2})


def write_master_of_links(folder: Path) -> Path:
    with h5py.File(folder / "run_master.h5", "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        data = entry.create_group("data")
        data.attrs["NX_class"] = "NXdata"
        for part in range(3):
            data[f"data_{part + 1:06d}"] = h5py.ExternalLink(
                f"run_data_{part + 1:06d}.h5", "/entry/data/data"
            )
        file["entry/instrument/detector/count_time"] = 0.01
    return folder / "run_master.h5"


def write_virtual_master(folder: Path) -> Path:
    layout = h5py.VirtualLayout((6, 8, 10), STACK.dtype)
    for part in range(3):
        layout[2 * part : 2 * part + 2] = h5py.VirtualSource(
            f"run_data_{part + 1:06d}.h5", "/entry/data/data", (2, 8, 10)
        )
    with h5py.File(folder / "run_nxmx.h5", "w", libver="latest") as file:
        file.create_virtual_dataset("/entry/data/data", layout)
    return folder / "run_nxmx.h5"


@pytest.mark.parametrize("write", [write_master_of_links, write_virtual_master])
def test_a_master_file_leads_to_the_chunks_of_its_parts(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    write_parts(tmp_path, numbered=False)
    items = read_file(write(tmp_path))
    expect_stack(items, STACK)
    assert {packet.parse().compression for packet in packets_of(items)[1:-1]} == {"bslz4"}


def test_a_pattern_reads_one_file_behind_the_other_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for part, name in enumerate(("run_2.h5", "run_9.h5", "run_10.h5")):
        with h5py.File(tmp_path / name, "w") as file:
            file["data"] = STACK[2 * part : 2 * part + 2]
    expect_stack(read_file(f"file://{tmp_path}/run_*.h5"), STACK)


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("write", [write_master_of_links, write_virtual_master])
def test_a_part_that_is_missing_moves_no_frame(
    tmp_path: Path, write: Callable[[Path], Path], numbered: bool
) -> None:
    write_parts(tmp_path, numbered=numbered)
    master = write(tmp_path)
    (tmp_path / "run_data_000002.h5").unlink()
    items = read_file(master)
    assert sorted(frames_by_number(items)) == [1, 2, 5, 6]
    np.testing.assert_array_equal(frames_by_number(items)[5], STACK[4])
    (problem,) = (item.reason for item in items if isinstance(item, Malformed))
    assert "run_data_000002.h5 cannot be read: there is no such file" in problem


def test_frames_that_were_never_written_are_left_out(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("data", shape=(6, 8, 10), dtype="u2", chunks=(1, 8, 10))
        for frame in (0, 1, 4):
            data[frame] = STACK[frame]
    items = read_file(tmp_path / "a.h5")
    assert list(frames_by_number(items)) == [1, 2, 5]
    assert packets_of(items)[-1].number == 7


def test_a_run_reads_no_more_frames_than_it_is_for(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = STACK
    items = read_file(tmp_path / "a.h5", packets=5)
    assert list(frames_by_number(items)) == [1, 2, 3]
    assert packets_of(items)[-1].number == 4


# ---- growing files ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Callable[..., BackgroundSource]]:
    sources: list[BackgroundSource] = []

    def follow(name: str, packets: int | None = None, **settings: Any) -> BackgroundSource:
        source = hdf5.source(Hdf5Settings(url=str(tmp_path / name), follow=True, **settings))
        sources.append(source)
        source.expect(packets)
        source.open()
        end = time.monotonic() + PATIENCE
        while not source.connected():
            assert time.monotonic() < end, source.connection_problem()
            time.sleep(0.001)
        return source

    yield follow
    for source in sources:
        source.close()


def read_frames(source: BackgroundSource, count: int) -> list[Item]:
    """So many items, waited for."""
    items: list[Item] = []
    end = time.monotonic() + PATIENCE
    while len(items) < count:
        assert time.monotonic() < end, items
        select.select([source.pollable], [], [], 0.1)
        items += source.read(count - len(items))
    return items


@pytest.mark.parametrize("compression", ["none", "bslz4", "lz4"])
def test_a_file_is_followed_from_before_it_is_there_to_its_end_time(
    tmp_path: Path, following: Callable[..., BackgroundSource], compression: str
) -> None:
    source = following("run.h5")
    simulator = Hdf5Simulator(f"file://{tmp_path}/run.h5")
    messages = list(generate(frames=20, shape=(8, 10), compression=compression))
    try:
        simulator.play(messages[:3])
        # They are read while the file is still open, and before anything else is written.
        assert [item.number for item in packets_of(read_frames(source, 3))] == [None, 1, 2]
        simulator.play(messages[3:])
        items = packets_of(read_series(source))
    finally:
        simulator.close()
    assert [item.number for item in items] == list(range(3, 22))
    end = items[-1].parse()
    assert isinstance(end, Hdf5End)
    assert end.reason == "the file says when it ended"
    assert [bytes(item.frames[1]) for item in items[:-1]] == [message[1] for message in messages[3:-1]]


def test_a_file_of_a_writer_without_swmr_is_opened_again_when_it_has_changed(
    tmp_path: Path, following: Callable[..., BackgroundSource]
) -> None:
    source = following("run.h5", idle_seconds=0.3)
    with h5py.File(tmp_path / "run.h5", "w", locking=False) as file:
        data = file.create_dataset(
            "data", shape=(0, 8, 10), maxshape=(None, 8, 10), dtype="u2", chunks=(1, 8, 10)
        )
        items: list[Item] = []
        for frame in range(6):
            data.resize(frame + 1, axis=0)
            data[frame] = STACK[frame]
            file.flush()
            items += read_frames(source, 1 if frame else 2)
    items += read_series(source)
    expect_stack(items, STACK)
    assert packets_of(items)[-1].parse().reason == "nothing was written for 0.3 s"


def test_files_that_follow_each_other_are_followed(
    tmp_path: Path, following: Callable[..., BackgroundSource]
) -> None:
    source = following("run_*.h5", packets=8)
    items: list[Item] = []
    for part in range(3):
        with h5py.File(tmp_path / ".unfinished", "w") as file:
            file.create_dataset("data", data=STACK[2 * part : 2 * part + 2], chunks=(1, 8, 10))
        (tmp_path / ".unfinished").rename(tmp_path / f"run_{part + 1}.h5")
        items += read_frames(source, 2 if part else 3)
    items += read_series(source)
    expect_stack(items, STACK)


def test_a_frame_that_is_late_is_waited_for_and_one_that_never_comes_is_left_out(
    tmp_path: Path, following: Callable[..., BackgroundSource]
) -> None:
    source = following("run.h5")
    simulator = Hdf5Simulator(str(tmp_path / "run.h5"))
    start, *images, end = generate(frames=6, shape=(8, 10))
    try:
        simulator.play([start, images[0], images[2]])
        items = read_frames(source, 2)
        simulator.play([images[1], images[5], end])
        items += read_series(source)
    finally:
        simulator.close()
    assert list(frames_by_number(items)) == [1, 2, 3, 6]


# ---- what is wrong ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "no address", "tcp://127.0.0.1:9999", "file://other.example.org/data/a.h5"]
)
def test_an_address_that_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="file"):
        hdf5.source(Hdf5Settings(url=url))


def problem_of(url: Path | str, **settings: Any) -> str:
    source = hdf5.source(Hdf5Settings(url=str(url), poll_seconds=0.001, **settings))
    source.open()
    try:
        end = time.monotonic() + PATIENCE
        while "looked for" in (problem := source.connection_problem() or ""):
            assert time.monotonic() < end
            time.sleep(0.001)
        assert not source.connected()
        return problem
    finally:
        source.close()


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    assert "there is no file a.h5" in problem_of(tmp_path / "a.h5")
    assert "no file matches a_*.h5" in problem_of(tmp_path / "a_*.h5")
    assert "there is no folder" in problem_of(tmp_path / "b" / "a.h5", follow=True)
    # The file system itself refuses to look for it.
    assert "there is no file" in problem_of(tmp_path / ("a" * 300))
    (tmp_path / "a.h5").write_bytes(b"no HDF5 at all")
    assert "a.h5: " in problem_of(tmp_path / "a.h5")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["image"] = np.zeros((2, 2))
    assert "say which dataset it is" in problem_of(tmp_path / "c.h5")
    assert "there is no /x in it; it has /image [2, 2]" in problem_of(tmp_path / "c.h5", dataset="/x")


def test_text_that_is_no_unicode_is_told_escaped(tmp_path: Path) -> None:
    path = tmp_path / "pr\udcf8ve.h5"
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data/data"] = STACK
        file.create_group(b"gr\xf8p")["length"] = 3.0
        file["entry"].attrs[b"l\xe6ngde"] = 2.0
        unit = h5py.h5a.create(
            file["entry"].id,
            b"unit",
            h5py.h5t.py_create(h5py.string_dtype("ascii"), logical=True),
            h5py.h5s.create(h5py.h5s.SCALAR),
        )
        unit.write(np.array(b"\xb5m", h5py.string_dtype("ascii")))
    (tmp_path / "a.h5").rename(path)
    items = read_file(path)
    expect_stack(items, STACK)
    start = packets_of(items)[0].parse()
    assert isinstance(start, Hdf5Start)
    assert start.file.endswith("pr\\udcf8ve.h5")
    assert start.attributes["/entry"] == {"unit": "\\udcb5m", "l\ufffdngde": 2.0}
    assert start.values == {"/gr\ufffdp/length": 3.0}


def test_what_a_file_says_in_a_type_that_nobody_knows_does_not_matter(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["entry/data/data"] = STACK
        h5py.h5d.create(file["entry"].id, b"begun", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((1,), (1,)))
    items = read_file(tmp_path / "a.h5")
    expect_stack(items, STACK)
    start = packets_of(items)[0].parse()
    assert start.values == {"/entry/begun": "<of a type that cannot be read>"}


def test_a_damaged_chunk_fails_its_own_event_and_no_other(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("data", data=STACK, chunks=(1, 8, 10), **hdf5plugin.Bitshuffle())
        data.id.write_direct_chunk((3, 0, 0), b"broken")
    packets = packets_of(read_file(tmp_path / "a.h5"))
    assert [packet.number for packet in packets[1:]] == list(range(1, 8))
    with pytest.raises(MalformedPacket):
        _ = packets[4].parse().array
    np.testing.assert_array_equal(packets[5].parse().array, STACK[4])


def test_a_queue_of_few_bytes_loses_nothing(tmp_path: Path) -> None:
    stack = np.arange(300 * 100, dtype=np.uint32).reshape(300, 10, 10)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("data", data=stack, chunks=(1, 10, 10))
    expect_stack(read_file(tmp_path / "a.h5", queue_bytes=1000), stack)


def test_a_live_run_reduces_every_frame_and_loses_those_that_were_never_written(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("data", shape=(6, 8, 10), dtype="u2", chunks=(1, 8, 10))
        for frame in (0, 1, 2, 4, 5):
            data[frame] = STACK[frame]
    settings = Hdf5Settings(url=str(tmp_path / "a.h5"))

    def look(event: Event) -> int | None:
        parsed = event.streams["camera"].parse()
        return int(parsed.array.sum()) if isinstance(parsed, Hdf5Frame) else None

    outcome = run_through({"camera": lambda: hdf5.source(settings)}, uniform(["camera"], 6), look)
    assert outcome.counts == (7, 0, 1)
    assert {event: value for event, value in outcome.results.items() if value is not None} == {
        frame + 1: int(STACK[frame].sum()) for frame in (0, 1, 2, 4, 5)
    }

"""Image files written by fabio are read one an event, by the number in their names or by their order, whole ones only."""

from __future__ import annotations

import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from fabio.cbfimage import CbfImage
from fabio.edfimage import EdfImage
from fabio.tifimage import TifImage

from beamloom.devices import image_files
from beamloom.devices.device import Source
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.file_reading.background import BackgroundSource, Reading
from beamloom.devices.file_reading.read_ahead import Job
from beamloom.devices.image_files import (
    ImageFile,
    ImageFileEnd,
    ImageFilesSettings,
)
from beamloom.devices.image_files.folder import Folder
from beamloom.devices.image_files.series import Series
from beamloom.devices.image_files.simulator import ImageFilesSimulator, generate
from beamloom.events import Event, Malformed, Packet, PacketKind
from beamloom.triggermap import uniform
from devices import image_writer
from devices.one_run import run_through
from devices.reading import numbers
from support.patience import PATIENCE

Item = Packet | Malformed


def picture(number: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.arange(12, dtype=np.int32).reshape(3, 4) + 100 * number


def write(folder: Path, number: int, pattern: str = "run_{:04d}.tif") -> Path:
    path = folder / pattern.format(number)
    TifImage(data=picture(number)).write(str(path))
    return path


def read_until(source: Source, enough: Callable[[list[Item]], bool]) -> list[Item]:
    items: list[Item] = []
    end = time.monotonic() + PATIENCE
    while not enough(items):
        assert time.monotonic() < end, f"only {items[-3:]}; {source.connection_problem()}"
        select.select([source.pollable], [], [], 0.1)
        items += source.read(64)
    return items


def read_series(source: Source) -> list[Item]:
    return read_until(
        source, lambda items: any(isinstance(item, Packet) and item.kind is PacketKind.END for item in items)
    )


@pytest.fixture
def opened() -> Iterator[Callable[..., BackgroundSource]]:
    sources: list[BackgroundSource] = []

    def open_source(url: Path | str, packets: int | None = None, **settings: Any) -> BackgroundSource:
        source = image_files.source(ImageFilesSettings(url=str(url), **settings))
        sources.append(source)
        source.expect(packets)
        source.open()
        return source

    yield open_source
    for source in sources:
        source.close()


Open = Callable[..., BackgroundSource]


@pytest.mark.parametrize(("image_class", "suffix"), [(TifImage, "tif"), (CbfImage, "cbf"), (EdfImage, "edf")])
def test_images_are_what_fabio_wrote(tmp_path: Path, opened: Open, image_class: Any, suffix: str) -> None:
    for number in (1, 2, 3):
        image_class(data=picture(number), header={"exposure": "0.1"}).write(
            str(tmp_path / f"a_{number}.{suffix}")
        )
    items = read_series(opened(f"file://{tmp_path}/*.{suffix}"))
    assert numbers(items) == [None, 1, 2, 3, 4]
    for number in (1, 2, 3):
        packet = items[number]
        assert isinstance(packet, Packet)
        parsed = packet.parse()
        assert isinstance(parsed, ImageFile)
        np.testing.assert_array_equal(parsed.array, picture(number))
        assert not parsed.array.flags.writeable
        assert parsed.blob == (tmp_path / f"a_{number}.{suffix}").read_bytes()
        if suffix == "edf":
            assert parsed.header["exposure"] == "0.1"


def test_a_file_of_several_images_is_a_stack(tmp_path: Path, opened: Open) -> None:
    image = EdfImage(data=picture(1))
    image.append_frame(data=picture(2))
    image.write(str(tmp_path / "a_1.edf"))
    items = read_series(opened(tmp_path))
    assert isinstance(items[1], Packet)
    np.testing.assert_array_equal(items[1].parse().array, np.stack([picture(1), picture(2)]))


def test_a_number_that_is_missing_moves_no_other(tmp_path: Path, opened: Open) -> None:
    for number in (7, 8, 11, 10):
        write(tmp_path, number, "run_{}.tif")
    assert numbers(read_series(opened(tmp_path))) == [None, 1, 2, 4, 5, 6]
    first_missing = read_series(opened(tmp_path, first_number=6))
    assert numbers(first_missing) == [None, 2, 3, 5, 6, 7]


def test_by_order_the_names_need_no_numbers(tmp_path: Path, opened: Open) -> None:
    for name in ("c", "a", "b"):
        write(tmp_path, 0, f"{name}.tif")
    assert numbers(read_series(opened(tmp_path, number="order"))) == [None, 1, 2, 3, 4]
    items = read_series(opened(tmp_path))
    reasons = [item.reason for item in items if isinstance(item, Malformed)]
    assert len(reasons) == 3
    assert "has no number in its name; use number: order" in reasons[0]


def test_a_growing_folder_is_followed_until_the_run_has_its_images(tmp_path: Path, opened: Open) -> None:
    source = opened(tmp_path / "*.tif", packets=7, follow=True, renamed=True)
    simulator = ImageFilesSimulator(f"file://{tmp_path}/*.tif")
    files = list(generate(frames=6, shape=(3, 4)))
    simulator.play(files[:2])
    items = read_until(source, lambda items: len(items) == 3)
    simulator.play(files[2:])
    items += read_series(source)
    simulator.close()
    assert numbers(items) == [None, 1, 2, 3, 4, 5, 6]
    last = items[-1]
    assert isinstance(last, Packet)
    end = last.parse()
    assert isinstance(end, ImageFileEnd)
    assert (end.files, end.reason) == (5, "the run has all its images")


@pytest.mark.parametrize("number", ["name", "order"])
@pytest.mark.parametrize("how", ["in_place", "renamed"])
def test_every_file_of_a_second_process_comes_whole_and_exactly_once(
    tmp_path: Path, opened: Open, how: str, number: str
) -> None:
    files = 40
    # By order the first of ten that are begun together must not be overtaken, whichever is whole first.
    source = opened(
        tmp_path / "*.tif",
        packets=files + 2,
        follow=True,
        renamed=how == "renamed",
        number=number,
        first_number=1,
        settle_seconds=3,  # More than a busy machine holds the writer up between two pieces of a file.
        poll_seconds=0.005,
    )
    command = [sys.executable, image_writer.__file__, how, str(tmp_path), str(files)]
    with subprocess.Popen(command) as writer:
        items = read_series(source)
        assert writer.wait(PATIENCE) == 0
    came = [item for item in items if isinstance(item, Packet)]
    assert len(came) == len(items) == files + 2
    assert sorted(item.number or 0 for item in came) == list(range(files + 2))
    for packet in came[1:-1]:
        parsed = packet.parse()
        assert isinstance(parsed, ImageFile)
        assert Path(parsed.file).name == f"run_{packet.number:04}.tif"
        np.testing.assert_array_equal(parsed.array, image_writer.picture(packet.number or 0))


def test_several_files_are_read_at_a_time_and_come_in_their_order(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in range(1, 9):
        write(tmp_path, each)
    together = threading.Barrier(4, timeout=PATIENCE)
    read_bytes = Path.read_bytes

    def read_with_others(path: Path) -> bytes:
        together.wait()
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read_with_others)
    assert numbers(read_series(opened(tmp_path, readers=4))) == [None, *range(1, 10)]


def test_a_file_that_cannot_be_read_is_lost_alone(tmp_path: Path) -> None:
    for each in (1, 2, 3):
        write(tmp_path, each)
    folder = Folder(ImageFilesSettings(url=str(tmp_path)), tmp_path / "*")
    series = Series(ImageFilesSettings(url=str(tmp_path), readers=1))
    steps = series._steps(folder, Reading(), None)
    items: list[Item] = []
    for step in steps:
        (tmp_path / "run_0003.tif").unlink(missing_ok=True)
        items += step.run() if isinstance(step, Job) else [] if step is None else [step]
    assert numbers(items) == [None, 1, 2, 4]
    (lost,) = (item for item in items if isinstance(item, Malformed))
    assert "run_0003.tif cannot be read: No such file" in lost.reason


def test_a_file_that_is_still_written_is_not_given(tmp_path: Path) -> None:
    folder = Folder(ImageFilesSettings(url=str(tmp_path), follow=True, settle_seconds=0), tmp_path / "*")
    whole = write(tmp_path, 1).read_bytes()
    path = tmp_path / "run_0002.tif"
    path.write_bytes(whole[:50])
    assert list(folder.whole()) == []
    path.write_bytes(whole)
    assert list(folder.whole()) == [tmp_path / "run_0001.tif"]
    assert folder.unfinished
    assert list(folder.whole()) == [path]
    assert list(folder.whole()) == []


def test_files_behind_one_that_is_still_written_follow_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("beamloom.devices.image_files.folder.time.monotonic", lambda: now)
    settings = ImageFilesSettings(url=str(tmp_path), follow=True, number="order", settle_seconds=1)
    folder = Folder(settings, tmp_path / "*")
    paths = [write(tmp_path, number) for number in (1, 2, 3)]
    assert list(folder.whole()) == []
    now, first = 0.5, paths[0].read_bytes()
    paths[0].write_bytes(first + b"more")
    assert list(folder.whole()) == []
    now = 1.2
    assert list(folder.whole()) == []
    now = 1.6
    assert list(folder.whole()) == paths


def test_the_last_image_does_not_end_the_series_while_one_before_it_is_written(
    tmp_path: Path, opened: Open
) -> None:
    late = tmp_path / "run_0001.tif"
    late.touch()
    write(tmp_path, 2)
    source = opened(
        tmp_path / "*.tif", packets=4, follow=True, first_number=1, settle_seconds=0.01, poll_seconds=0.005
    )
    before = read_until(source, lambda items: 2 in numbers(items))
    late.write_bytes((tmp_path / "run_0002.tif").read_bytes())
    ended = 3 in numbers(before)
    assert numbers(before + ([] if ended else read_series(source))) == [None, 2, 1, 3]


def test_what_lies_behind_the_last_image_of_the_run_is_left_alone(tmp_path: Path, opened: Open) -> None:
    for number in (1, 2, 3, 4):
        write(tmp_path, number)
    (tmp_path / "run_0005.tif").touch()
    source = opened(tmp_path / "*.tif", packets=4, follow=True, settle_seconds=0.01, poll_seconds=0.005)
    assert numbers(read_series(source)) == [None, 1, 2, 3]


def test_a_file_that_gets_its_name_when_it_is_whole_is_not_waited_for_under_the_one_before(
    tmp_path: Path,
) -> None:
    folder = Folder(ImageFilesSettings(url=str(tmp_path), follow=True, settle_seconds=0), tmp_path)
    whole = write(tmp_path, 1)
    written = whole.rename(tmp_path / "run_0001.tif.part")
    assert folder.whole() == []
    assert list(folder.unfinished) == [written]
    written.rename(whole)
    folder.whole()
    assert folder.whole() == [whole]
    assert not folder.unfinished


@pytest.mark.parametrize("number", ["name", "order"])
def test_a_file_that_stays_empty_is_waited_for_as_long_as_for_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: Literal["name", "order"]
) -> None:
    now = 0.0
    monkeypatch.setattr("beamloom.devices.image_files.folder.time.monotonic", lambda: now)
    settings = ImageFilesSettings(url=str(tmp_path), follow=True, number=number, idle_seconds=10)
    folder = Folder(settings, tmp_path)
    empty = tmp_path / "run_0001.tif"
    empty.touch()
    behind = write(tmp_path, 2)
    assert folder.whole() == []
    now = 9.0
    assert folder.whole() == ([] if number == "order" else [behind])
    assert empty in folder.unfinished
    now = 10.5
    assert folder.whole() == ([behind] if number == "order" else [])
    assert not folder.unfinished


def test_a_followed_series_ends_where_its_files_were_renamed_and_one_stayed_empty(
    tmp_path: Path, opened: Open
) -> None:
    source = opened(tmp_path, follow=True, settle_seconds=0.01, poll_seconds=0.002, idle_seconds=0.2)
    (tmp_path / "run_0003.tif").touch()
    written = write(tmp_path, 1).rename(tmp_path / "run_0001.tif.part")
    # It is looked at under both names, or under the last one alone.
    written.rename(tmp_path / "run_0001.tif")
    items = read_series(source)
    assert numbers(items)[:2] == [None, 1]


def test_a_folder_that_comes_after_the_run_has_begun_stands_for_its_files(
    tmp_path: Path, opened: Open
) -> None:
    folder = tmp_path / "scan_1"
    source = opened(folder, packets=4, follow=True, renamed=True, poll_seconds=0.002)
    end = time.monotonic() + PATIENCE
    while not source.connected():
        assert time.monotonic() < end
        time.sleep(0.001)
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    for number in (1, 2):
        write(unfinished, number)
    unfinished.rename(folder)
    assert numbers(read_series(source)) == [None, 1, 2, 3]


def test_files_whose_names_are_no_unicode_are_read(tmp_path: Path, opened: Open) -> None:
    for number, name in ((1, "run_1\udcf8_1.tif"), (2, "run_2\udcf8_2.tif"), (3, "without\udcf8.tif")):
        write(tmp_path, number).rename(tmp_path / name)
    items = read_series(opened(tmp_path))
    assert numbers(items) == [None, 1, 2, 3]
    assert isinstance(items[1], Packet)
    parsed = items[1].parse()
    np.testing.assert_array_equal(parsed.array, picture(1))
    assert parsed.file.endswith("run_1\\udcf8_1.tif")
    (unplaced,) = (item for item in items if isinstance(item, Malformed))
    assert unplaced.reason.startswith("without\\udcf8.tif has no number in its name")


def test_a_file_that_is_not_left_alone_for_long_enough_is_not_given(tmp_path: Path) -> None:
    folder = Folder(ImageFilesSettings(url=str(tmp_path), follow=True, settle_seconds=3600), tmp_path / "*")
    write(tmp_path, 1)
    assert [list(folder.whole()) for _ in range(3)] == [[], [], []]


def test_a_file_that_is_no_image_fails_its_own_event_and_no_other(tmp_path: Path, opened: Open) -> None:
    for number in (1, 2, 3):
        write(tmp_path, number)
    (tmp_path / "run_0002.tif").write_bytes(b"no image")
    items = read_series(opened(tmp_path))
    assert numbers(items) == [None, 1, 2, 3, 4]
    assert isinstance(items[2], Packet)
    with pytest.raises(MalformedPacket, match=r"run_0002\.tif cannot be read as an image"):
        _ = items[2].parse().array
    assert isinstance(items[3], Packet)
    np.testing.assert_array_equal(items[3].parse().array, picture(3))


def test_an_absent_folder_is_said_in_a_sentence(tmp_path: Path, opened: Open) -> None:
    source = opened(tmp_path / "b" / "*.tif", follow=True, poll_seconds=0.001)
    end = time.monotonic() + PATIENCE
    while "there is no folder" not in (source.connection_problem() or ""):
        assert time.monotonic() < end
        time.sleep(0.001)
    assert not source.connected()


def test_a_live_run_reduces_every_image_and_loses_the_missing_one(tmp_path: Path) -> None:
    for number in (1, 2, 4, 5):
        write(tmp_path, number)

    def look(event: Event) -> int | None:
        parsed = event.streams["camera"].parse()
        return int(parsed.array.sum()) if isinstance(parsed, ImageFile) else None

    settings = ImageFilesSettings(url=str(tmp_path))
    outcome = run_through({"camera": lambda: image_files.source(settings)}, uniform(["camera"], 5), look)
    assert outcome.counts == (6, 0, 1)
    assert {event: value for event, value in outcome.results.items() if value is not None} == {
        number: int(picture(number).sum()) for number in (1, 2, 4, 5)
    }

"""Results are kept while a run goes on and at its end, whatever happens to the process or to the disk."""

from __future__ import annotations

import functools
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from beamloom.engine.accounts.coverage import Coverage
from beamloom.engine.ranges import RangeSet
from beamloom.results import Sum
from beamloom.results.record import RunRecord
from beamloom.results.snapshot import Snapshot
from beamloom.results.tree import Group
from results.files.saving import Publishing, record, summing, until

h5py = pytest.importorskip("h5py", reason="needs h5py")

from beamloom.results.files.keeper import MOST_WAITING, Keeper, MakePlace  # noqa: E402
from beamloom.results.files.place import Hdf5File  # noqa: E402

KILLS = 20


@contextmanager
def keeping(
    reader: Publishing, make: MakePlace, interval: float = 0.01, *, says_coverage: bool = False
) -> Iterator[Keeper]:
    keeper = Keeper("autosave", reader, make, interval, share=1.0, says_coverage=says_coverage)
    try:
        yield keeper
    finally:
        keeper.close()


def in_folder(folder: Path) -> MakePlace:
    return lambda about: Hdf5File(folder / f"{about.run}.h5")


def version_in(path: Path) -> int:
    """The version that a file holds; fails where its arrays are of several."""
    with h5py.File(path) as file:
        version = int(file["entry/version"][()])
        assert file["entry/first"][()].sum() == version
        assert file["entry/second"][()].sum() == version
    return version


def covered_in(path: Path) -> list[list[int]] | None:
    """The events that are in a file, by its own account."""
    with h5py.File(path) as file:
        note = file["entry/beamloom"].get("coverage")
        covered: list[list[int]] | None = (
            None if note is None else json.loads(note["data"].asstr()[()])["reduced"]
        )
        return covered


def test_a_run_is_kept_while_it_goes_on_and_at_its_end(tmp_path: Path) -> None:
    reader, path = Publishing(), tmp_path / "run-1.h5"
    with keeping(reader, in_folder(tmp_path)) as keeper:
        reader.publish(**summing(1))
        keeper.begin_run(record)
        until(lambda: path.exists() and version_in(path) == 1, keeper)
        reader.publish(**summing(2))
        until(lambda: version_in(path) == 2, keeper)
        keeper.end_run(Snapshot(3, "run-1", summing(3)))
    assert version_in(path) == 3
    assert keeper.status() | {"saved_at": "", "seconds": 0} == {
        "where": str(path),
        "run": "run-1",
        "version": 3,
        "saved_at": "",
        "seconds": 0,
        "left_out": {},
        "problem": None,
        "failing_since": None,
        "runs_waiting": 0,
        "runs_given_up": [],
    }


def holds(path: Path, version: int) -> bool:
    return path.exists() and version_in(path) == version


@pytest.mark.expects_errors
def test_a_run_that_cannot_be_kept_holds_up_no_other(tmp_path: Path) -> None:
    (tmp_path / "run-1").write_text("where a folder should be")
    reader = Publishing("run-3")
    reader.publish(**summing(1))
    with keeping(reader, lambda about: Hdf5File(tmp_path / about.run / "a.h5")) as keeper:
        for run in ("run-1", "run-2"):
            keeper.begin_run(functools.partial(record, run))
            keeper.end_run(Snapshot(2, run, summing(2)))
        keeper.begin_run(lambda: record("run-3"))
        until(lambda: holds(tmp_path / "run-2" / "a.h5", 2), keeper)
        until(lambda: holds(tmp_path / "run-3" / "a.h5", 1), keeper)
        assert "run-1 is not kept" in str(keeper.problem)
        assert keeper.status()["runs_waiting"] == 1


def test_datasets_of_a_file_say_which_events_are_in_them(tmp_path: Path) -> None:
    reader = Publishing()
    reader.publish(image=[1, 2], dark=Sum().add(1, 2.0).snapshot())
    reader.coverage = Coverage("run-1", 4, RangeSet([(0, 4)]))
    with keeping(reader, in_folder(tmp_path), says_coverage=True) as keeper:
        keeper.begin_run(record)
        keeper.end_run(reader.now())
    with h5py.File(tmp_path / "run-1.h5") as file:
        told = {path: dict(file["entry"][path].attrs) for path in ("image", "dark/sum")}
        assert "coverage" not in file["entry/start_time"].attrs
    assert told == {
        "image": {"coverage": "0-3", "coverage_complete": True},
        "dark/sum": {"coverage": "1", "coverage_complete": True},
    }


def test_a_version_in_which_nothing_changed_is_not_written_again(tmp_path: Path) -> None:
    reader, path = Publishing(), tmp_path / "run-1.h5"
    with keeping(reader, in_folder(tmp_path), interval=0.0) as keeper:
        reader.publish(**summing(1))
        keeper.begin_run(record)
        until(path.exists, keeper)
        identity, read = path.stat().st_ino, reader.read
        until(lambda: reader.read > read + 5, keeper)
        assert path.stat().st_ino == identity


def test_a_coverage_that_has_changed_alone_is_written(tmp_path: Path) -> None:
    reader, path = Publishing(), tmp_path / "run-1.h5"
    with keeping(reader, in_folder(tmp_path), interval=0.0) as keeper:
        reader.publish(**summing(1))
        keeper.begin_run(record)
        until(path.exists, keeper)
        reader.coverage = Coverage("run-1", 5, RangeSet([(0, 4)]), lost=RangeSet([(4, 5)]))
        until(lambda: covered_in(path) == [[0, 3]], keeper)


def test_a_version_that_was_read_before_the_end_does_not_pass_for_the_last_one(tmp_path: Path) -> None:
    reader, path = Publishing(), tmp_path / "run-1.h5"
    with keeping(reader, in_folder(tmp_path), interval=0.0) as keeper:
        reader.publish(**summing(1))
        keeper.begin_run(lambda: record(ended=1_700_000_100.0))
        until(path.exists, keeper)
        with h5py.File(path) as file:
            assert not file["entry/beamloom/complete"][()]
            assert "end_time" not in file["entry"]


def test_keeping_takes_a_twentieth_of_the_time_at_most(tmp_path: Path) -> None:
    class Slow(Hdf5File):
        busy = 0.0
        count = 0

        def keep(self, tree: Group, *, last: bool = False) -> None:
            begin = time.monotonic()
            threading.Event().wait(0.02)
            super().keep(tree, last=last)
            Slow.busy += time.monotonic() - begin
            Slow.count += 1

    reader = Publishing()
    keeper = Keeper("autosave", reader, lambda _: Slow(tmp_path / "a.h5"), interval=0.0)
    begin = time.monotonic()
    keeper.begin_run(record)

    def many() -> bool:
        reader.publish(**summing(reader.version + 1))
        return Slow.count >= 4

    try:
        until(many, keeper)
        # The pause after the last one has not passed yet.
        spent = Slow.busy * (Slow.count - 1) / Slow.count
        assert spent <= 0.1 * (time.monotonic() - begin)
    finally:
        keeper.close()


def test_each_of_several_runs_ends_in_a_file_of_its_own(tmp_path: Path) -> None:
    reader = Publishing()
    with keeping(reader, in_folder(tmp_path), interval=10.0) as keeper:
        for number in range(4):
            keeper.begin_run(told(f"run-{number}"))
            keeper.end_run(Snapshot(number, f"run-{number}", summing(number)))
        until((tmp_path / "run-3.h5").exists, keeper)
    assert [version_in(tmp_path / f"run-{number}.h5") for number in range(4)] == [0, 1, 2, 3]


@pytest.mark.processes
@pytest.mark.parametrize("compression", [pytest.param("none", marks=pytest.mark.long), "gzip"])
def test_the_file_of_a_killed_process_opens_and_is_one_version(tmp_path: Path, compression: str) -> None:
    victim, chance = Path(__file__).with_name("victim.py"), random.Random(compression)
    versions = []
    for number in range(KILLS // 2):
        path = tmp_path / f"{number}.h5"
        process = subprocess.Popen(
            [sys.executable, str(victim), str(path), compression], stdin=subprocess.PIPE
        )
        try:
            until(path.exists)
            threading.Event().wait(chance.random() * 0.15)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        versions.append(version_in(path))
    assert len(set(versions)) > 1, "every process was killed at its first version, so nothing was shown"
    # The next one who writes here clears up what the killed ones left.
    Hdf5File(tmp_path / "next.h5").keep(Group())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*(f"{number}.h5" for number in range(KILLS // 2)), "next.h5"]
    )


@pytest.mark.expects_errors
def test_a_full_disk_is_told_and_what_was_kept_stays_until_there_is_room(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader, path = Publishing(), small_disk / "run-1.h5"
    with keeping(reader, in_folder(small_disk)) as keeper:
        reader.publish(**summing(1, size=1000))
        keeper.begin_run(record)
        until(path.exists, keeper)
        reader.publish(**summing(2, size=1_000_000))
        until(lambda: keeper.is_failing, keeper)
        assert version_in(path) == 1
        assert keeper.status()["problem"] == f"run run-1 is not kept in {path}: No space left on device"
        # It tries again and again; between two attempts there is nothing else.
        until(lambda: [entry.name for entry in small_disk.iterdir()] == ["run-1.h5"], keeper)
        reader.publish(**summing(3, size=1000))
        until(lambda: not keeper.is_failing, keeper)
        assert version_in(path) == 3
    assert caplog.text.count("No space left on device") == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small file system cannot be mounted here: {error}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.expects_errors
def test_the_last_version_of_a_run_is_held_until_it_can_be_kept(tmp_path: Path) -> None:
    blocked = tmp_path / "folder"
    blocked.write_text("no folder")
    reader = Publishing()
    with keeping(reader, in_folder(blocked)) as keeper:
        keeper.begin_run(record)
        keeper.end_run(Snapshot(5, "run-1", summing(5)))
        until(lambda: keeper.is_failing, keeper)
        keeper.begin_run(lambda: record("run-2"))
        assert keeper.status()["runs_waiting"] == 1
        blocked.unlink()
        until(lambda: keeper.status()["runs_waiting"] == 0, keeper)
        assert version_in(blocked / "run-1.h5") == 5


@pytest.mark.expects_errors
def test_runs_that_cannot_be_kept_are_given_up_in_the_end_and_told(tmp_path: Path) -> None:
    def refuse(about: RunRecord) -> Any:
        raise OSError(30, "Read-only file system")

    with keeping(Publishing(), refuse) as keeper:
        for number in range(MOST_WAITING + 2):
            keeper.begin_run(told(f"run-{number}"))
            keeper.end_run(Snapshot(number, f"run-{number}", {}))
        assert keeper.status()["runs_given_up"][:2] == ["run-0", "run-1"]
        until(lambda: keeper.is_failing, keeper)
        assert "Read-only file system" in keeper.status()["problem"]
    assert len(keeper.status()["runs_given_up"]) == MOST_WAITING + 2


def told(run: str) -> Callable[[], RunRecord]:
    return lambda: record(run)


def test_names_that_are_taken_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "run-1.h5").write_text("theirs")
    with keeping(Publishing(), in_folder(tmp_path)) as keeper:
        keeper.begin_run(record)
        keeper.end_run(Snapshot(5, "run-1", summing(5)))
    assert keeper.status()["where"] == str(tmp_path / "run-1_1.h5")
    assert "is there already and is left as it is" in caplog.text
    assert (tmp_path / "run-1.h5").read_text() == "theirs"

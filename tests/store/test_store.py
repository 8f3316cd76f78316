"""The controller's store: whole or not at all, one owner, and never in the way of a run."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from beamloom.errors import UserError
from beamloom.services.controller.state_stores import open_slate
from beamloom.store import FolderLock, FolderTaken, Scribe, SqliteStore, Stored, StoreError
from support.small_disk import fill, small_disk

KILLED = """
import sys
from pathlib import Path
from beamloom.services.controller.state_stores import open_slate
from beamloom.store import Scribe, SqliteStore
folder = Path(sys.argv[1])
store = SqliteStore(folder)
slate, stored, noted = open_slate(folder, store.load())
scribe = Scribe(store, slate if sys.argv[2] == "slate" else None, noted)
for number in range(1_000_000):
    scribe.append(b"%d" % number)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("how", ["slate", "store"])
def test_what_was_written_survives_a_kill(how: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(200):
            child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        said = child.stdout.read().split(b"\n")
        child.wait()
    last = max(int(line) for line in said[:-1]) if len(said) > 1 else 199
    store = SqliteStore(tmp_path)
    slate, stored, _ = open_slate(tmp_path, store.load())
    batches = stored.batches
    store.close()
    assert slate is not None
    slate.close()
    assert batches[: last + 1] == [b"%d" % number for number in range(last + 1)]
    assert len(batches) <= last + 2


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_a_folder_that_cannot_be_locked_is_refused_with_that_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_locks(*about: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(UserError, match=f"cannot be locked .{os.strerror(number)}.*local disk as state_dir"):
        FolderLock(tmp_path, "first")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_full_disk_keeps_nobody_from_having_a_folder(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 100) as disk:
        fill(disk)
        lock = FolderLock(disk, "first")
        with pytest.raises(FolderTaken, match="in use by another controller"):
            FolderLock(disk, "second")
        lock.release()


def test_a_second_controller_is_told_who_has_the_folder(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path, "first")
    with pytest.raises(FolderTaken, match=rf"'first', process {os.getpid()} on .* end that one first"):
        FolderLock(tmp_path, "second")
    lock.release()
    FolderLock(tmp_path, "second").release()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    other = sqlite3.connect(folder / "controller.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_store_that_is_locked_is_behind_until_a_checkpoint(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.append(b"before")
    scribe = Scribe(store)
    with locked(tmp_path):
        scribe.append(b"not written")
        assert scribe.behind
        assert "locked" in str(scribe.problem)
        scribe.checkpoint(b"nor this")
        assert scribe.flush(5)
        assert scribe.behind
    scribe.append(b"missing what was before")
    scribe.checkpoint(b"all")
    scribe.append(b"after")
    assert scribe.flush(5)
    assert not scribe.behind
    scribe.close()
    found = SqliteStore(tmp_path)
    assert found.load() == Stored(b"all", [b"after"], {}, 4)
    found.close()


def test_a_store_whose_file_is_gone_comes_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.close()
    folder = tmp_path / "away"
    (tmp_path / "controller.sqlite").rename(folder)
    (tmp_path / "controller.sqlite").mkdir()
    with pytest.raises(StoreError, match="unable to open"):
        store.append(b"x")
    (tmp_path / "controller.sqlite").rmdir()
    folder.rename(tmp_path / "controller.sqlite")
    store.append(b"y")
    assert store.load().batches == [b"y"]
    store.close()


def test_nothing_is_written_to_a_file_that_was_removed_and_no_other_takes_its_place(tmp_path: Path) -> None:
    folder, away = tmp_path / "state", tmp_path / "away"
    folder.mkdir()
    store = SqliteStore(folder)
    store.append(b"x")
    folder.rename(away)
    for _ in range(2):
        with pytest.raises(StoreError, match="not there any more"):
            store.append(b"lost")
    folder.mkdir()
    with pytest.raises(StoreError, match="not there any more"):
        store.checkpoint(b"lost", {}, 1)
    assert list(folder.iterdir()) == []
    folder.rmdir()
    away.rename(folder)
    store.append(b"y")
    assert store.load().batches == [b"x", b"y"]
    store.close()


class Stuck:
    """A store on a disk that does not answer."""

    generation = 1
    pipeline = "stuck"
    remedy = "wait"

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.batches: list[bytes] = []

    def load(self) -> Stored:
        return Stored(None, self.batches, {})

    def append(self, *batches: bytes, noted: int = 0) -> None:
        self.go_on.wait()
        self.batches += batches

    def checkpoint(self, state: bytes, keep: Mapping[str, bytes], most: int, noted: int = 0) -> None:
        self.batches.append(state)

    def close(self) -> None:
        pass


class Faulty(Stuck):
    """A store with a fault that nobody has foreseen."""

    def append(self, *batches: bytes, noted: int = 0) -> None:
        raise ValueError("embedded null byte")


@pytest.mark.expects_errors
def test_whatever_a_store_raises_is_told_and_made_good() -> None:
    scribe = Scribe(Faulty())
    scribe.append(b"1")
    assert scribe.flush(5)
    assert scribe.behind
    assert scribe.problem == "the store has failed with ValueError: embedded null byte"
    scribe.checkpoint(b"all")
    assert scribe.flush(5)
    assert scribe.problem is None
    scribe.close()


def test_a_file_server_that_is_away_as_the_store_is_opened_again_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(tmp_path)
    store.close()
    stat = Path.stat
    asked: list[Path] = []

    def stale(path: Path) -> os.stat_result:
        asked.append(path)
        if len(asked) == 2:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return stat(path)

    monkeypatch.setattr(Path, "stat", stale)
    with pytest.raises(StoreError, match="Stale file handle"):
        store.append(b"1")
    store.append(b"2")
    assert store.load().batches == [b"2"]
    store.close()


def test_a_disk_that_hangs_costs_one_short_wait_and_loses_nothing() -> None:
    store = Stuck()
    scribe = Scribe(store)
    batches = [b"%d" % number for number in range(100)]
    for batch in batches:
        scribe.append(batch)
    assert not store.batches
    assert not scribe.behind
    store.go_on.set()
    assert scribe.flush(5)
    assert store.batches == batches
    scribe.close()


def test_a_disk_that_hangs_for_long_is_behind_and_memory_is_bounded() -> None:
    store = Stuck()
    scribe = Scribe(store)
    megabyte = bytes(1 << 20)
    for _ in range(70):
        scribe.append(megabyte)
    assert scribe.behind
    assert "does not keep up" in str(scribe.problem)
    store.go_on.set()
    scribe.close()

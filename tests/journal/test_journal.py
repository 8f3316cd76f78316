"""Journals on disk: what was kept whole is read again, in order, whatever became of the end."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.journal import Journal, JournalHeld, JournalWriter, Lock, remove_journal
from beamloom.journal.writer import MUCH
from support.patience import PATIENCE

LIMIT = 1 << 30


def kept(folder: Path) -> list[list[bytes]]:
    return list(Journal(folder, LIMIT).read())


@given(records=st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), max_size=8), cut=st.data())
def test_what_is_torn_at_any_byte_is_read_up_to_the_last_whole_record(
    tmp_path_factory: pytest.TempPathFactory, records: list[list[bytes]], cut: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder, LIMIT)
    ends = []
    for record in records:
        journal.append(record)
        ends.append(journal.size)
    journal.close()
    assert kept(folder) == records
    if not records:
        return
    at = cut.draw(st.integers(0, journal.size))
    os.truncate(folder / "000001.journal", at)
    whole = sum(end <= at for end in ends)
    assert kept(folder) == records[:whole]
    after = Journal(folder, LIMIT)
    assert list(after.read()) == records[:whole]
    after.append([b"the next life"])
    after.close()
    assert kept(folder) == [*records[:whole], [b"the next life"]]


def test_a_byte_that_changed_ends_the_segment_and_not_the_journal(tmp_path: Path) -> None:
    for life in range(2):
        journal = Journal(tmp_path, LIMIT)
        for number in range(3):
            journal.append([f"{life}.{number}".encode() * 20])
        journal.close()
    path = tmp_path / "000001.journal"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = [frames[0][:3] for frames in kept(tmp_path)]
    assert found == [b"0.0", b"1.0", b"1.1", b"1.2"]


def test_a_checkpoint_stands_for_all_before_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LIMIT)
    journal.append([b"one"])
    journal.replace([b"state", b"array"])
    journal.append([b"two"])
    journal.replace([b"state 2"])
    journal.append([b"three"])
    journal.close()
    again = Journal(tmp_path, LIMIT)
    assert again.checkpoint() == [b"state 2"]
    assert list(again.read()) == [[b"three"]]
    assert len(list(tmp_path.iterdir())) == 2


def test_what_follows_a_checkpoint_is_found_though_its_writer_died_right_behind_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LIMIT)
    journal.append([b"before"])
    journal.replace([b"the state"])
    journal.close()
    for life in (b"second", b"third"):
        after = Journal(tmp_path, LIMIT)
        after.append([life])
        after.close()
    assert Journal(tmp_path, LIMIT).checkpoint() == [b"the state"]
    assert kept(tmp_path) == [[b"second"], [b"third"]]


def test_a_checkpoint_that_was_not_finished_does_not_count(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LIMIT)
    journal.append([b"one"])
    journal.close()
    (tmp_path / "before-000002.new").write_bytes(b"BLJRNL01half")
    again = Journal(tmp_path, LIMIT)
    assert again.checkpoint() is None
    assert list(again.read()) == [[b"one"]]


def test_only_one_process_has_the_lock_and_the_other_is_told_which(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    with pytest.raises(JournalHeld, match=str(os.getpid())):
        Lock(tmp_path)
    lock.release()
    Lock(tmp_path).release()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_a_folder_that_cannot_be_locked_is_told_of_with_that_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_locks(*about: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match=f"cannot be locked .{os.strerror(number)}.*local disk as state_dir"):
        Lock(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_removing_a_journal_leaves_what_is_none_of_its_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", LIMIT)
    journal.append([b"one"])
    (tmp_path / "run" / "notes.txt").write_text("mine")
    journal.close()
    remove_journal(tmp_path / "run")
    assert os.listdir(tmp_path / "run") == ["notes.txt"]


class Stuck(Journal):
    """A disk that hangs until it is let go on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, LIMIT)
        self.go_on = threading.Event()
        self.begun = threading.Event()

    def append(self, frames: Sequence[Any]) -> None:
        self.begun.set()
        self.go_on.wait(PATIENCE)
        super().append(frames)


def test_a_disk_that_hangs_holds_up_nothing_and_what_waits_is_done_in_order(tmp_path: Path) -> None:
    journal = Stuck(tmp_path)
    woken = threading.Event()
    writer = JournalWriter(journal, "never", woken.set, budget=100)
    done: list[int] = []
    try:
        for number in range(3):
            writer.keep([bytes(30)])
            writer.after(lambda number=number: done.append(number))  # type: ignore[misc]
        journal.begun.wait(PATIENCE)
        writer.turn()
        assert done == []
        assert writer.not_kept == 0
        writer.keep([bytes(30)])
        writer.after(lambda: done.append(3))
        writer.turn()
        assert done == [0, 1, 2, 3]
        assert writer.not_kept == 4
        assert "slow" in (writer.problem or "")
    finally:
        journal.go_on.set()
        writer.close()


def test_a_disk_that_hangs_at_the_end_is_let_alone_and_what_waits_for_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamloom.journal.writer.CLOSE_SECONDS", 0.01)
    journal = Stuck(tmp_path)
    journal.go_on.set()
    writer = JournalWriter(journal, "never", lambda: None)
    done: list[str] = []
    try:
        writer.keep([b"the first"])
        writer.after(lambda: done.append("first"))
        while not done:
            writer.turn()
        journal.go_on.clear()
        journal.begun.clear()
        writer.keep([b"the second"])
        writer.after(lambda: done.append("second"))
        assert journal.begun.wait(PATIENCE)
        writer.close()
        writer.turn()
        assert done == ["first", "second"]
        # Its descriptor would be another file's by the time that the write comes back.
        assert journal._file is not None
        os.fstat(journal._file)
    finally:
        journal.go_on.set()
    assert writer._thread is not None
    writer._thread.join(PATIENCE)
    assert journal._file is None
    assert kept(tmp_path) == [[b"the first"], [b"the second"]]


def test_a_file_that_cannot_be_closed_in_order_ends_nobody(tmp_path: Path) -> None:
    journal = Journal(tmp_path, LIMIT)
    writer = JournalWriter(journal, "never", lambda: None, threaded=False)
    writer.keep([b"x"])
    assert journal._file is not None
    os.close(journal._file)
    writer.close()
    writer.close()


def test_what_cannot_be_written_down_at_all_is_counted_and_the_next_is_kept(tmp_path: Path) -> None:
    writer = JournalWriter(Journal(tmp_path, LIMIT), "never", lambda: None)
    done: list[int] = []
    writer.keep([memoryview(bytes(10))[::2]])
    writer.after(lambda: done.append(1))
    writer.keep([b"the next"])
    writer.close()
    writer.turn()
    assert done == [1]
    assert writer.not_kept == 1
    assert "contiguous" in str(writer.problem)
    assert kept(tmp_path) == [[b"the next"]]


def test_what_is_done_afterwards_finds_its_record_on_the_disk(tmp_path: Path) -> None:
    woken = threading.Event()
    writer = JournalWriter(Journal(tmp_path, LIMIT), "always", woken.set)
    found: list[int] = []
    try:
        for _ in range(20):
            woken.clear()
            writer.keep([b"x" * 100])
            writer.after(lambda: found.append(len(kept(tmp_path))))
            while not writer._done:
                woken.wait(1)
            writer.turn()
        assert found == list(range(1, 21))
    finally:
        writer.close()


def test_the_thread_writes_what_nobody_waits_for_when_it_has_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Stuck(tmp_path)
    writer = JournalWriter(journal, "never", lambda: None)
    try:
        writer.keep([b"x"])
        monkeypatch.setattr("beamloom.journal.writer.LATEST", 0.0)
        writer.turn()
        assert journal.begun.wait(PATIENCE)
        journal.go_on.set()
    finally:
        writer.close()
    assert len(kept(tmp_path)) == 1


def test_the_thread_writes_much_at_once(tmp_path: Path) -> None:
    journal = Stuck(tmp_path)
    journal.go_on.set()
    writer = JournalWriter(journal, "never", lambda: None)
    try:
        writer.keep([bytes(MUCH)])
        assert journal.begun.wait(PATIENCE)
    finally:
        writer.close()

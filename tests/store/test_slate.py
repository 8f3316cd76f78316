"""The notes of what is on its way to the store: found by the next process, in order, up to the first that is missing."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from beamloom.services.statekeeping import open_slate
from beamloom.store import Scribe, Slate, SqliteStore


@contextlib.contextmanager
def slate_in(folder: Path, half: int = 1 << 12) -> Iterator[Slate]:
    slate = Slate(folder, half)
    yield slate
    slate.close()


def test_notes_are_found_again_by_another_process(tmp_path: Path) -> None:
    with slate_in(tmp_path) as slate:
        for number in range(1, 6):
            assert slate.note(number, b"note %d" % number)
    with slate_in(tmp_path) as found:
        assert found.read(0) == [b"note 1", b"note 2", b"note 3", b"note 4", b"note 5"]
        assert found.read(3) == [b"note 4", b"note 5"]
        assert found.read(5) == []
        assert found.beyond(0) > 5
        assert found.beyond(7) > 7


def test_what_follows_a_missing_note_is_not_read(tmp_path: Path) -> None:
    with slate_in(tmp_path) as slate:
        slate.note(1, b"one")
        slate.note(3, b"three")
    with slate_in(tmp_path) as found:
        assert found.read(0) == [b"one"]


def test_a_note_that_was_being_written_does_not_count(tmp_path: Path) -> None:
    with slate_in(tmp_path) as slate:
        slate.note(1, b"one")
        slate.note(2, b"two")
    path = tmp_path / "controller.slate"
    body = path.read_bytes()
    path.write_bytes(body.replace(b"two", b"tw?"))
    with slate_in(tmp_path) as found:
        assert found.read(0) == [b"one"]


def test_where_both_halves_wait_for_the_store_nothing_is_noted(tmp_path: Path) -> None:
    with slate_in(tmp_path, 4096) as slate:
        noted = 0
        while slate.note(noted + 1, bytes(1000)):
            noted += 1
        assert noted == 8
        assert slate.read(0) == [bytes(1000)] * 8
        slate.forget(4)
        assert slate.note(9, b"nine")
        assert slate.read(4) == [*[bytes(1000)] * 4, b"nine"]
        assert not slate.note(10, bytes(5000))


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 5)), max_size=60))
def test_whatever_the_store_has_the_rest_is_in_the_notes(steps: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, slate_in(Path(folder), 1024) as slate:
        notes: list[bytes] = []
        stored = 0
        for size, behind in steps:
            body = bytes([len(notes) % 256]) * size
            if slate.note(len(notes) + 1, body):
                notes.append(body)
            if len(notes) - stored > behind:
                stored = len(notes) - behind
                slate.forget(stored)
            with slate_in(Path(folder), 1024) as found:
                assert found.read(stored) == notes[stored:]


def test_a_slate_that_cannot_be_had_leaves_the_store(tmp_path: Path) -> None:
    (tmp_path / "controller.slate").mkdir()
    store = SqliteStore(tmp_path)
    slate, _, noted = open_slate(tmp_path, store.load())
    assert slate is None
    scribe = Scribe(store, slate, noted)
    scribe.append(b"written at once")
    assert store.load().batches == [b"written at once"]
    scribe.close()


def test_a_slate_that_was_removed_is_not_trusted_any_more(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    slate, _, noted = open_slate(tmp_path, store.load())
    scribe = Scribe(store, slate, noted)
    scribe.append(b"first")
    (tmp_path / "controller.slate").unlink()
    scribe.append(b"second")
    assert scribe.flush(5)
    scribe.append(b"third")
    assert store.load().batches == [b"first", b"second", b"third"]
    scribe.close()
    assert slate is not None
    slate.close()


def test_what_is_noted_is_in_the_store_soon_and_in_few_transactions(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    slate, _, noted = open_slate(tmp_path, store.load())
    scribe = Scribe(store, slate, noted)
    changes: list[str] = []
    batches = [b"%d" % number for number in range(500)]
    scribe.append(batches[0])
    assert store._connection is not None
    store._connection.set_trace_callback(changes.append)
    for batch in batches[1:]:
        scribe.append(batch)
    assert scribe.flush(5)
    store._connection.set_trace_callback(None)
    assert changes.count("COMMIT") < 50
    with contextlib.closing(sqlite3.connect(tmp_path / "controller.sqlite")) as other:
        assert [body for (body,) in other.execute("SELECT body FROM batches ORDER BY number")] == batches
    scribe.close()


def test_notes_of_an_earlier_controller_count_until_the_next_one_has_written(tmp_path: Path) -> None:
    with slate_in(tmp_path, 1 << 19) as slate:
        slate.note(1, b"one")
        slate.note(3, b"three, where two is missing")
    store = SqliteStore(tmp_path)
    found, stored, noted = open_slate(tmp_path, store.load())
    assert stored.batches == [b"one"]
    assert noted > 3
    scribe = Scribe(store, found, noted)
    scribe.checkpoint(b"state")
    scribe.append(b"four")
    scribe.append(b"five")
    scribe.close()
    again = SqliteStore(tmp_path)
    slate_again, stored, _ = open_slate(tmp_path, again.load())
    assert (stored.state, stored.batches) == (b"state", [b"four", b"five"])
    again.close()
    assert slate_again is not None
    slate_again.close()

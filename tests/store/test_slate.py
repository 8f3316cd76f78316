"""The notes of what is on its way to the store: found by the next process, in order, up to the first that is missing."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from beamloom.services.controller.state_stores import open_slate
from beamloom.services.controller.statekeeping import ControllerState, StateKeeper, Went, read_state
from beamloom.store import Scribe, Slate, SqliteStore, Stored


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


class Held(SqliteStore):
    """A store that writes no checkpoint until it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked, self.let_go = threading.Event(), threading.Event()

    def checkpoint(self, state: bytes, keep: Mapping[str, bytes], most: int, noted: int = 0) -> None:
        self.asked.set()
        assert self.let_go.wait(30)
        super().checkpoint(state, keep, most, noted)


def after_a_kill(folder: Path) -> Stored:
    """What the next controller would find now."""
    with tempfile.TemporaryDirectory() as other:
        left = Path(shutil.copytree(folder, Path(other) / "left"))
        store = SqliteStore(left)
        slate, found, _ = open_slate(left, store.load())
        store.close()
        assert slate is not None
        slate.close()
    return found


def begun(store: SqliteStore, folder: Path) -> Scribe:
    """A scribe whose notes count."""
    slate, _, noted = open_slate(folder, store.load())
    scribe = Scribe(store, slate, noted)
    scribe.append(b"first")
    assert scribe.flush(5)
    return scribe


def test_what_is_noted_after_a_checkpoint_that_is_not_written_yet_is_found(tmp_path: Path) -> None:
    store = Held(tmp_path)
    scribe = begun(store, tmp_path)
    scribe.append(b"second")
    scribe.checkpoint(b"state of two")
    assert store.asked.wait(5)
    scribe.append(b"third")
    scribe.append(b"fourth")
    found = after_a_kill(tmp_path)
    assert (found.state, found.batches) == (None, [b"first", b"second", b"third", b"fourth"])
    store.let_go.set()
    scribe.close()


def test_a_checkpoint_with_something_new_is_written_before_the_caller_goes_on(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    scribe = begun(store, tmp_path)
    for run in range(20):
        scribe.checkpoint(b"state", {f"run/{run}": b"papers"}, wait=True)
        found = after_a_kill(tmp_path)
        assert f"run/{run}" in found.kept
    scribe.close()


def test_nothing_is_noted_behind_what_only_the_store_can_have(tmp_path: Path) -> None:
    store = Held(tmp_path)
    scribe = begun(store, tmp_path)
    scribe.checkpoint(b"a new run", {"run/1": b"papers"}, wait=True)
    scribe.append(b"of the new run")
    assert after_a_kill(tmp_path).batches == [b"first"]
    store.let_go.set()
    assert scribe.flush(5)
    scribe.append(b"noted again")
    found = after_a_kill(tmp_path)
    assert (found.state, found.batches) == (b"a new run", [b"of the new run", b"noted again"])
    scribe.close()


def test_a_checkpoint_that_is_made_now_and_then_leaves_nothing_out_until_it_is_written(
    tmp_path: Path,
) -> None:
    store = Held(tmp_path)
    keeper = StateKeeper(begun(store, tmp_path))
    keeper.note(Went("worker-1@1"))
    keeper.checkpoint(ControllerState)
    assert store.asked.wait(5)
    keeper.flush()  # as before anything that follows is sent
    found = after_a_kill(tmp_path)
    _, entries, _ = read_state(msgspec.structs.replace(found, batches=found.batches[1:]))
    assert entries == [Went("worker-1@1")]
    store.let_go.set()
    keeper.close()

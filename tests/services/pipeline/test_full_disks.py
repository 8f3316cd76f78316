"""The disk of what a run leaves behind is full: everything is reduced, the status says what is not kept, and what is there can be read."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from beamloom.control.views.ensemble import status
from beamloom.journal import Journal, JournalWriter, Lock
from beamloom.services.controller.statekeeping import StateKeeper
from beamloom.services.reducer.safekeeping import Safekeeping
from beamloom.services.shell.alarms import alarm_notes
from beamloom.settings import ControllerSettings, ReducerSettings
from beamloom.store import Scribe, SqliteStore
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, Gathering, counts, series
from support.small_disk import file_size_limit, fill, small_disk

FRAMES = 20
EVENTS = FRAMES + 2


def test_a_journal_on_a_full_disk_is_whole_as_far_as_it_goes_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 300) as disk:
        writer = JournalWriter(Journal(disk / "run", 1 << 30), "interval", lambda: None, threaded=False)
        writer.keep([b"first", bytes(50_000)])
        ballast = fill(disk, 100)
        for number in range(5):
            writer.keep([str(number).encode(), bytes(40_000)])
        assert writer.not_kept == 3
        assert "No space left" in str(writer.problem)
        writer.replace([bytes(200_000)])
        assert "No space left" in str(writer.failed_checkpoint)
        assert not list((disk / "run").glob("*.new")), "it would take the room that the next records need"
        ballast.unlink()
        writer.keep([b"last"])
        writer.close()
        assert [frames[0] for frames in Journal(disk / "run", 1 << 30).read()] == [
            b"first",
            b"0",
            b"1",
            b"last",
        ]


def test_a_journal_that_may_not_grow_keeps_what_it_has(tmp_path: Path) -> None:
    writer = JournalWriter(Journal(tmp_path, 1 << 30), "never", lambda: None, threaded=False)
    with file_size_limit(100_000):
        for number in range(10):
            writer.keep([str(number).encode(), bytes(30_000)])
    writer.close()
    assert writer.not_kept == 7
    assert [frames[0] for frames in Journal(tmp_path, 1 << 30).read()] == [b"0", b"1", b"2"]


@pytest.mark.parametrize("threaded", [False, True])
def test_a_reducer_with_a_full_disk_reduces_everything_and_its_alarm_goes_with_the_next_run(
    tmp_path: Path, threaded: bool
) -> None:
    with small_disk(tmp_path / "disk", 200) as disk, Bench({}, reducer=None) as bench:
        settings = ReducerSettings()
        journal = Safekeeping(disk / "journals", settings, threaded=threaded)
        feed = Feed(series(FRAMES))
        bench.add_ingester("camera", feed)
        bench.add_reducer(Gathering, journal, settings)
        bench.until(bench.everyone_known)
        ballast = fill(disk)
        assert counts(bench.play(uniform(["camera"], FRAMES))) == (EVENTS, 0, 0)
        assert len(bench.published["results"]) == EVENTS
        bench.step()
        assert "No space left" in status(bench.controller)["alarms"]["reducer"]
        ballast.unlink()
        feed.send(series(FRAMES))
        assert counts(bench.play(uniform(["camera"], FRAMES))) == (EVENTS, 0, 0)
        bench.step()
        assert status(bench.controller)["alarms"] == {}


def test_a_controller_with_a_full_disk_goes_on_says_so_and_catches_up(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 600) as disk:
        keeper = StateKeeper(Scribe(SqliteStore(disk)))
        feed = Feed(series(FRAMES)[:5])
        with Bench({"camera": feed}, keeper=keeper) as bench:
            active = bench.arm(uniform(["camera"], FRAMES))
            ballast = fill(disk)
            feed.send(series(FRAMES)[5:])
            bench.until(lambda: active.finished)
            assert counts(active) == (EVENTS, 0, 0)
            # The pages that it has may take more entries; in the end it needs new ones.
            bench.until(lambda: _write_more(bench, keeper))
            assert "state cannot be kept" in status(bench.controller)["alarms"]["controller"]
            ballast.unlink()
            bench.until(lambda: keeper.problem is None)
            assert "controller" not in status(bench.controller)["alarms"]
        keeper.close()
        assert SqliteStore(disk).load().state is not None


def _write_more(bench: Bench, keeper: StateKeeper) -> bool:
    keeper.scribe.append(bytes(20_000))
    bench.step()
    return keeper.problem is not None


@pytest.mark.expects_errors
def test_the_map_and_the_parameters_that_are_not_recorded_are_in_the_status(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 100) as disk:
        feed = Feed(series(FRAMES)[:5])
        with Bench({"camera": feed}, settings=ControllerSettings(record_prefix=str(disk / "scan"))) as bench:
            fill(disk)
            active = bench.arm(uniform(["camera"], FRAMES))
            alarm = status(bench.controller)["alarms"]["controller"]
            assert "the map and the parameters" in alarm
            assert "No space left" in alarm
            feed.send(series(FRAMES)[5:])
            bench.until(lambda: active.finished)
            assert counts(active) == (EVENTS, 0, 0)


def test_alarms_of_one_process_are_told_together() -> None:
    assert alarm_notes(None, None) == {}
    assert alarm_notes("a disk is full", None, "another is slow") == {
        "alarm": "a disk is full; another is slow"
    }


def test_what_another_reducer_has_left_and_cannot_be_removed_is_not_held(tmp_path: Path) -> None:
    left = tmp_path / "journals" / "another" / "a-run"
    (left / "000001.journal").mkdir(parents=True)
    (left.parent / "lock").touch()
    os.utime(left / "000001.journal", (0, 0))
    journal = Safekeeping(tmp_path / "journals" / "own")
    with Bench({"camera": Feed()}, reducer=None) as bench:
        bench.add_reducer(Gathering, journal)
        bench.until(bench.everyone_known)
        bench.arm(uniform(["camera"], 4))
        # Whose it is can still have it.
        Lock(left.parent).release()
        assert journal.alarm is None


def test_a_reducer_whose_disk_is_gone_begins_without_what_it_may_have_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*about: object) -> None:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    monkeypatch.setattr(os, "scandir", gone)
    assert not Safekeeping(tmp_path).remains

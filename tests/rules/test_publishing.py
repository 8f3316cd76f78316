"""Files get their names once, whatever was cut off in between."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamloom.rules.cutting import Cut
from beamloom.rules.engine.publishing import publish
from beamloom.rules.files import free_name, give_name, write_whole
from beamloom.rules.ledger import Ledger
from beamloom.rules.spec import Done, Staged, StepSpec


def clock() -> float:
    return 1.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A step whose only chunk has written ``out.txt``, which has no name yet."""
    ledger = Ledger(tmp_path / "ledger")
    (step,) = ledger.submit([StepSpec(name="a", kind="Test", task="a:b")], [], [], 0.0)
    ledger.release(step, [Cut(0, 1)])
    ledger.finalise(step, 1, 0.0)
    (work,) = ledger.claim(step, 1, 0.0)
    (tmp_path / "staged").write_text("mine")
    staged = Staged("results", str(tmp_path / "staged"), str(tmp_path / "out.txt"))
    ledger.take([Done(work.lease, 0.1, outputs=[staged])], 0.0)
    assert ledger.view(step).state == "running"  # until the file has its name
    yield ledger
    ledger.close()


def test_a_step_ends_when_its_files_have_their_names(ledger: Ledger, tmp_path: Path) -> None:
    assert publish(ledger, clock).ended == [1]
    assert (tmp_path / "out.txt").read_text() == "mine"
    assert not (tmp_path / "staged").exists()
    assert ledger.view(1).outputs[0].actual == str(tmp_path / "out.txt")


def test_a_crash_between_naming_and_telling_the_ledger_makes_no_second_file(
    ledger: Ledger, tmp_path: Path
) -> None:
    (one,) = ledger.unpublished()
    ledger.choose(one.id, one.requested)
    os.link(one.staged, one.requested)
    publish(ledger, clock)
    assert sorted(path.name for path in tmp_path.glob("*.txt")) == ["out.txt"]


def test_a_name_that_somebody_takes_at_the_last_moment_is_left_to_him(ledger: Ledger, tmp_path: Path) -> None:
    (one,) = ledger.unpublished()
    ledger.choose(one.id, one.requested)
    (tmp_path / "out.txt").write_text("somebody's")
    publish(ledger, clock)
    assert (tmp_path / "out.txt").read_text() == "somebody's"
    assert (tmp_path / "out_1.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_told_and_tried_again(ledger: Ledger, tmp_path: Path) -> None:
    (one,) = ledger.unpublished()
    ledger.choose(one.id, str(tmp_path / "file" / "out.txt"))
    (tmp_path / "file").write_text("no folder")
    assert publish(ledger, clock).ended == []
    assert "it is tried again" in ledger.view(1).trouble
    (tmp_path / "file").unlink()
    assert publish(ledger, clock).ended == [1]
    assert (tmp_path / "file" / "out.txt").read_text() == "mine"


def test_a_file_that_somebody_removed_is_written_again(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "staged").unlink()
    assert publish(ledger, clock).ended == []
    (error,) = ledger.errors(1)
    assert (error.kind, error.final) == ("FileNotFoundError", 0)
    assert "was removed" in error.message
    (work,) = ledger.claim(1, 1, 10.0)
    assert work.lease.attempt == 2
    (tmp_path / "staged").write_text("mine")
    staged = Staged("results", str(tmp_path / "staged"), str(tmp_path / "out.txt"))
    ledger.take([Done(work.lease, 0.1, outputs=[staged])], 10.0)
    assert publish(ledger, clock).ended == [1]
    assert (tmp_path / "out.txt").read_text() == "mine"
    assert ledger.view(1).state == "done"


def test_files_that_are_removed_again_and_again_fail_their_step(ledger: Ledger, tmp_path: Path) -> None:
    for ended in ([], [], [1]):
        (tmp_path / "staged").unlink(missing_ok=True)
        assert publish(ledger, clock).ended == ended
        for work in ledger.claim(1, 1, 100.0):
            staged = Staged("results", str(tmp_path / "staged"), str(tmp_path / "out.txt"))
            ledger.take([Done(work.lease, 0.1, outputs=[staged])], 100.0)
    assert ledger.view(1).state == "failed"


def test_files_of_a_cancelled_step_are_left(ledger: Ledger, tmp_path: Path) -> None:
    ledger.cancel(1, "cancelled by its user", 1.0)
    (tmp_path / "staged").unlink()
    publish(ledger, clock)
    assert ledger.view(1).trouble == ""
    assert not (tmp_path / "out.txt").exists()


def test_what_is_told_again_and_again_is_written_down_once(ledger: Ledger) -> None:
    ledger.trouble(1, "the disk is full")
    before = ledger.changes()
    ledger.trouble(1, "the disk is full")
    assert ledger.changes() == before


def test_where_files_cannot_have_two_names_they_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EXDEV, "other file system")

    monkeypatch.setattr(os, "link", refused)
    (tmp_path / "a").write_text("mine")
    assert give_name(tmp_path / "a", tmp_path / "sub" / "b")
    assert (tmp_path / "sub" / "b").read_text() == "mine"
    (tmp_path / "sub" / "c").write_text("somebody's")
    assert not give_name(tmp_path / "a", tmp_path / "sub" / "c")
    assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == ["b", "c"]


def test_free_names_are_counted_up(tmp_path: Path) -> None:
    for name in ("a.tif", "a_1.tif"):
        write_whole(tmp_path / name, b"")
    assert free_name(tmp_path / "a.tif") == tmp_path / "a_2.tif"
    assert free_name(tmp_path / "b.tif") == tmp_path / "b.tif"


def test_a_step_does_not_end_before_all_frames_of_its_series_are_released(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "other")
    (step,) = ledger.submit([StepSpec(name="a", kind="Test", task="a:b")], [], [], 0.0)
    assert ledger.finalise(step, 10, 0.0).ended == []
    assert ledger.view(step).state == "running"
    ledger.close()

"""A disk that does not answer, and does not fail either: the pipeline says so, and only what nobody can do without it waits."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from beamloom.control.views.ensemble import status
from beamloom.journal import write_all
from beamloom.services.ingester.service import IngesterService
from beamloom.services.reducer.safekeeping import Safekeeping
from beamloom.settings import ReducerSettings
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, Gathering, counts, series
from support.patience import PATIENCE

FRAMES = 24
EVENTS = FRAMES + 2


class Hanging:
    """Stands before a call to the disk, which does not come back before it is let go."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.hangs = False
        self.asked = threading.Event()
        self.let_go = threading.Event()
        self._call = call

    def __call__(self, *given: Any) -> Any:
        if self.hangs:
            self.asked.set()
            self.let_go.wait(PATIENCE)
        return self._call(*given)


@contextmanager
def hanging(monkeypatch: pytest.MonkeyPatch, where: str, call: Callable[..., Any]) -> Iterator[Hanging]:
    disk = Hanging(call)
    monkeypatch.setattr(where, disk)
    monkeypatch.setattr("beamloom.journal.answers.PATIENCE", 0.05)
    try:
        yield disk
    finally:
        disk.let_go.set()


def test_a_journal_whose_disk_hangs_is_told_given_up_and_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamloom.journal.writer.LONGEST_WRITE", 0.4)
    settings = ReducerSettings(journal_sync="always")
    with hanging(monkeypatch, "os.fdatasync", os.fdatasync) as disk, Bench({}, reducer=None) as bench:
        journal = Safekeeping(tmp_path / "journals", settings)
        feed = Feed(series(FRAMES)[:5])
        bench.add_ingester("camera", feed)
        bench.add_reducer(Gathering, journal, settings)
        bench.until(bench.everyone_known)
        active = bench.arm(uniform(["camera"], FRAMES))
        bench.until(lambda: bench.reduced() == 5)
        disk.hangs = True
        feed.send(series(FRAMES)[5:])

        def alarm() -> str:
            return str(status(bench.controller)["alarms"].get("reducer", ""))

        bench.until(lambda: "has not answered for" in alarm())
        assert str(tmp_path) in alarm()
        assert "another disk (state_dir)" in alarm()
        # Nobody waits for it for ever: the run ends, and it is said what is not kept.
        bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS, 0, 0)
        disk.let_go.set()
        bench.until(lambda: "the disk is too slow" in alarm())
        assert journal.held_up >= 1
        disk.hangs = False
        feed.send(series(FRAMES))
        assert counts(bench.play(uniform(["camera"], FRAMES))) == (EVENTS, 0, 0)
        bench.step()
        assert alarm() == ""


def test_an_ingester_that_a_disk_holds_up_says_so_while_it_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        hanging(monkeypatch, "beamloom.spool.segments.write_all", write_all) as disk,
        Bench({}) as bench,
    ):
        feed = Feed(series(FRAMES)[:5])
        bench.add_ingester("camera", feed, state_dir=str(tmp_path), write_ahead=True)
        bench.until(bench.everyone_known)
        active = bench.arm(uniform(["camera"], FRAMES))
        service = bench.services["camera-ingester"]
        assert isinstance(service, IngesterService)
        disk.hangs = True
        feed.send(series(FRAMES)[5:])
        thread = threading.Thread(target=lambda: bench.until(lambda: active.finished))
        thread.start()
        try:
            assert disk.asked.wait(PATIENCE)
            told = ""
            # As its signs of life ask it, in a thread of their own.
            while "has not answered for" not in told:
                told = str(service.notes(bench.now).get("alarm", ""))
            assert "this ingester reads nothing and sends nothing" in told
            assert str(tmp_path) in told
        finally:
            disk.hangs = False
            disk.let_go.set()
            thread.join(30)
        assert counts(active) == (EVENTS, 0, 0)
        assert service._spooling.alarm is None

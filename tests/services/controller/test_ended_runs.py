"""What the controller remembers of runs that have ended: all that its views show, in a few kilobytes."""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beamloom.control.views import errors as error_views
from beamloom.control.views import event_story
from beamloom.control.views import runs as views
from beamloom.control.views import weave as weave_view
from beamloom.engine.runs.run import Run
from beamloom.events import Event
from beamloom.parameters import ParameterSet
from beamloom.services.controller.ended_runs import EndedRun, EndedRuns, RunOfAnotherVersion
from beamloom.services.controller.restoring import restore
from beamloom.services.controller.resuming import papers_of, put_away
from beamloom.services.controller.statekeeping import RunPapers, StateKeeper
from beamloom.store import Scribe, SqliteStore, Stored
from beamloom.triggermap import uniform
from services.bench import Bench, Doubling, Feed, counts, series

FRAMES = 50
A_FEW_KILOBYTES = 8192


class Failing(Doubling):
    """Fails at one event."""

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, int] | None:
        if event.event_number == 7:
            raise ZeroDivisionError("planted")
        return super().process_event(event, parameters)


def test_an_ended_run_shows_what_it_showed_when_it_was_the_last_one() -> None:
    with Bench({"eiger": Feed(series(FRAMES))}, Failing) as bench:
        active = bench.play(uniform(["eiger"], FRAMES))
        ended = put_away(active)
        controller: Any = bench.controller
        for view in (views.progress, views.ledger, views.coverage, views.summary, error_views.errors):
            assert view(ended) == view(active)
        for event in (0, 7, 30):
            before = event_story.story(controller, active, event, {})
            after = event_story.story(controller, ended, event, {})
            assert after["attempts"]
            assert {**after, "at": before["at"]} == before
    assert ended.nbytes < A_FEW_KILOBYTES


def test_a_list_of_runs_does_not_unpack_them_and_a_look_into_one_lets_go_of_it() -> None:
    with Bench({"eiger": Feed(series(FRAMES))}) as bench:
        ended = put_away(bench.play(uniform(["eiger"], FRAMES)))
    seen: list[weakref.ref[Run]] = []
    views.summary(ended)
    assert ended._open is None
    run = ended.run
    assert ended.run is run
    seen.append(weakref.ref(run))
    del run
    gc.collect()
    assert seen[0]() is None
    assert ended.run.ledger.counts().reduced == FRAMES + 2


def test_the_run_of_a_former_controller_is_listed_from_its_papers() -> None:
    with Bench({"eiger": Feed(series(FRAMES))}) as bench:
        active = bench.play(uniform(["eiger"], FRAMES))
        ended = EndedRun(papers_of(active))
        assert views.summary(ended) == views.summary(active)
        assert views.detail(ended)["epochs"] == views.detail(active)["epochs"]
        assert len(ended.epochs) == 1
        assert ended.chronicle is None


def of_another_version(bench: Bench) -> RunPapers:
    """The papers of a run whose state this version cannot read."""
    active = bench.play(uniform(["eiger"], FRAMES))
    return msgspec.structs.replace(papers_of(active), state=b"what another version has written")


def stored(papers: RunPapers) -> Stored:
    return Stored(None, [], {papers.run: msgspec.msgpack.encode(papers)}, 0)


def test_a_run_of_another_version_is_listed_and_all_else_of_it_is_refused_in_a_sentence() -> None:
    with Bench({"eiger": Feed(series(FRAMES))}) as bench:
        papers = of_another_version(bench)
        [ended] = restore(stored(papers)).past
        controller: Any = bench.controller
        controller.past.add([ended])
        assert views.summary(ended)["reduced"] == FRAMES + 2
        asked: list[Callable[[], object]] = [
            lambda: views.detail(ended),
            lambda: error_views.errors(ended),
            lambda: event_story.ask(controller, papers.run, 3, 0.0, lambda _: None),
            lambda: weave_view.picture(ended, weave_view.wanted({})),
        ]
        # The run is also the one that goes on here, and found as that: the past one is asked for by itself.
        controller.active = None
        for ask in asked:
            with pytest.raises(RunOfAnotherVersion, match="its line in the list of runs"):
                ask()


def test_a_run_of_another_version_that_did_not_keep_what_a_list_shows_is_not_listed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Bench({"eiger": Feed(series(FRAMES))}) as bench:
        papers = of_another_version(bench)
    assert restore(stored(msgspec.structs.replace(papers, digest=None))).past == []
    assert "is not in the list of runs any more" in caplog.text


def test_a_controller_whose_last_run_was_kept_by_another_version_starts_and_lists_it(tmp_path: Path) -> None:
    with Bench({"eiger": Feed(series(FRAMES))}) as bench:
        papers = of_another_version(bench)
    with Bench({"eiger": Feed()}, keeper=StateKeeper(Scribe(SqliteStore(tmp_path, "never")))) as bench:
        bench.controller.resume(restore(stored(papers)), bench.now)
        assert bench.controller.active is None
        assert [one.run_id for one in bench.controller.past] == [papers.run]


def test_the_pipeline_keeps_no_run_alive_but_the_last() -> None:
    feed = Feed(series(FRAMES))
    with Bench({"eiger": feed}) as bench:
        runs = []
        for number in range(4):
            if number:
                feed.send(series(FRAMES))
            active = bench.play(uniform(["eiger"], FRAMES))
            assert counts(active) == (FRAMES + 2, 0, 0)
            runs.append(weakref.ref(active.run))
        del active
        gc.collect()
        assert [run() is not None for run in runs] == [False, False, False, True]
        assert [past.run_id for past in bench.controller.past] == [
            past.digest.run for past in bench.controller.past
        ]
        assert bench.controller.past.nbytes < 3 * A_FEW_KILOBYTES


def papers(number: int, size: int) -> RunPapers:
    # What repeats takes no room.
    noise = random.Random(number).randbytes(size)
    return RunPapers(f"{number}", noise, b"", 0.0, 1.0, b"")


def test_the_oldest_go_first_when_there_are_too_many_or_they_are_too_large() -> None:
    many = EndedRuns(most_runs=3)
    many.add(EndedRun(papers(number, 10)) for number in range(5))
    assert [one.run_id for one in many] == ["2", "3", "4"]
    large = EndedRuns(most_bytes=40_000)
    large.add(EndedRun(papers(number, 16_000)) for number in range(5))
    assert [one.run_id for one in large] == ["3", "4"]
    assert large.nbytes == sum(one.nbytes for one in large) <= 40_000
    large.add([EndedRun(papers(9, 60_000))])
    assert [one.run_id for one in large] == ["9"]
    assert (last := large.take_last()) is not None
    assert last.run_id == "9"
    assert (large.take_last(), large.nbytes, len(large)) == (None, 0, 0)

"""Two pipelines whose processes have the same names, private address and folder for state keep apart what they write down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from beamloom.engine.streams.retention import Retention
from beamloom.journal import JournalHeld
from beamloom.services.controller.state_stores import open_state
from beamloom.services.ingester.spooling import Spooling
from beamloom.services.reducer.safekeeping import Safekeeping
from beamloom.settings import ControllerSettings, IngesterSettings, ReducerSettings
from beamloom.transport.messages import AnyMessage, Arm, Parameters

HERE, ELSEWHERE = "1f00", "2f00"


def arm(pipeline: str, run: str = "run-1") -> Arm:
    return Arm(run, ("reducer@1", "tcp://10.0.0.2:1"), {}, {}, 0, {}, None, 1.0, pipeline=pipeline)


@contextmanager
def reducer(folder: Path) -> Iterator[Safekeeping]:
    """What a reducer keeps, until it is gone without a word."""
    journal = Safekeeping(folder, ReducerSettings(state_dir=str(folder)), threaded=False)
    try:
        yield journal
    finally:
        journal.pause()
        journal.close(remove=False)


def kept(journal: Safekeeping, taken_up: Arm) -> list[AnyMessage]:
    found = journal.take_up(taken_up)
    return [] if found is None else [message for _, message, _, _ in found.messages]


def test_each_of_two_reducers_finds_its_own_journal_again(tmp_path: Path) -> None:
    told = {HERE: Parameters(1, {"gain": b"1"}), ELSEWHERE: Parameters(1, {"gain": b"2"})}
    with reducer(tmp_path) as one, reducer(tmp_path) as other:
        for journal, pipeline in ((one, HERE), (other, ELSEWHERE)):
            journal.begin(arm(pipeline))
            journal.keep("", told[pipeline])
            assert journal.alarm is None
    with reducer(tmp_path) as one, reducer(tmp_path) as other:
        assert one.remains
        assert kept(one, arm(HERE)) == [arm(HERE), told[HERE]]
        assert kept(other, arm(ELSEWHERE)) == [arm(ELSEWHERE), told[ELSEWHERE]]


def test_a_pipeline_that_begins_a_run_leaves_the_journal_of_one_that_is_down(tmp_path: Path) -> None:
    with reducer(tmp_path) as one:
        one.begin(arm(HERE))
    with reducer(tmp_path) as other:
        other.begin(arm(ELSEWHERE, "run-2"))
    with reducer(tmp_path) as one:
        assert kept(one, arm(HERE)) == [arm(HERE)]


def test_a_reducer_that_comes_to_another_pipeline_lets_go_of_the_former_one(tmp_path: Path) -> None:
    with reducer(tmp_path) as moved:
        moved.begin(arm(HERE))
        moved.begin(arm(ELSEWHERE))
        with reducer(tmp_path) as successor:
            assert kept(successor, arm(HERE)) == [arm(HERE)]


def test_of_two_reducers_of_one_pipeline_the_second_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with reducer(tmp_path) as one, reducer(tmp_path) as copy:
        one.begin(arm(HERE))
        copy.begin(arm(HERE))
        assert one.alarm is None
        assert "give this one another state_dir" in (copy.alarm or "")
        with pytest.raises(JournalHeld, match="give this one another state_dir"):
            copy.take_up(arm(HERE))


def test_two_ingesters_spool_side_by_side_and_find_their_own_again(tmp_path: Path) -> None:
    settings = IngesterSettings(name="camera-ingester", streams={}, state_dir=str(tmp_path), write_ahead=True)

    def life(pipeline: str, *, resume: bool) -> tuple[Spooling, Retention]:
        spooling = Spooling(settings)
        spooling.begin("run-1", pipeline, resume=resume)
        return spooling, spooling.retention("run-1", "camera")

    with ExitStack() as stack:
        for pipeline in (HERE, ELSEWHERE):
            spooling, _ = life(pipeline, resume=False)
            stack.callback(spooling.close)
            assert spooling.alarm is None
        copy, _ = life(HERE, resume=True)
        assert "give this one another state_dir" in (copy.alarm or "")
    assert len(list(tmp_path.glob("spools/*/*/run-1"))) == 2
    for pipeline in (HERE, ELSEWHERE):
        again, _ = life(pipeline, resume=True)
        assert again.alarm is None
        again.end()
        again.close()
    assert list(tmp_path.glob("spools/*")) == []


def test_a_controller_that_goes_on_with_its_state_is_the_same_pipeline_and_a_new_one_is_not(
    tmp_path: Path,
) -> None:
    def of(folder: str) -> str:
        with ExitStack() as stack:
            keeper = open_state(ControllerSettings(state_dir=str(tmp_path / folder)), stack).keeper
            assert keeper is not None
            return keeper.scribe.pipeline

    assert of("one") == of("one") != of("other")

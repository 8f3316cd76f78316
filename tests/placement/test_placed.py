"""One process on a cluster, as its supervisor knows it: whatever comes in whatever order, it is asked for once at a time, and it ends."""

from __future__ import annotations

import itertools
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.exit_status import REFUSED
from beamloom.placement.children import Ending
from beamloom.placement.dask.placed import Forget, Outcome, Placed, Runs, Signal, Submit, Waits
from beamloom.placement.dask.words import Begun, Ended, Wrote

NODE, OTHER = "tcp://10.0.0.7:4000", "tcp://10.0.0.8:4000"


def placed() -> Placed:
    numbers = itertools.count(1)
    return Placed("worker-1", lambda: f"key-{next(numbers)}")


def begun(key: str = "key-1", life: str = "a", where: str = NODE, pid: int = 11) -> Begun:
    return Begun(key=key, life=life, where=where, host=where[6:-5], pid=pid)


def ended(key: str = "key-1", life: str = "a", status: int = 0) -> Ended:
    return Ended(key=key, life=life, status=status, how="ended")


def running() -> Placed:
    one = placed()
    assert one.ask() == [Submit("key-1")]
    assert one.hear(begun()) == [Runs(11, "10.0.0.7")]
    return one


def test_a_process_that_ends_is_taken_back_and_over() -> None:
    one = running()
    assert one.hear(ended(status=3)) == [Forget("key-1"), Ending(status=3, how="ended")]
    assert one.over
    assert one.ask() == one.end() == one.give_up() == one.scheduler_left("gone") == []


def test_dask_begins_it_elsewhere_when_its_worker_is_lost() -> None:
    one = running()
    assert one.worker_left({NODE, OTHER}) == []
    (waits,) = one.worker_left({OTHER})
    assert isinstance(waits, Waits)
    assert "Dask begins it elsewhere" in waits.sentence
    assert one.waits
    assert one.hear(begun(life="b", where=OTHER, pid=12)) == [Runs(12, "10.0.0.8")]
    # What the first one still has to say of its end is not the end of the second.
    assert one.hear(ended(life="a")) == []
    assert one.pid == 12


def test_what_is_told_of_a_task_that_was_taken_back_counts_nowhere() -> None:
    one = running()
    assert one.scheduler_left("nobody answers") == [Waits("worker-1 waits: nobody answers")]
    assert one.ask() == [Submit("key-2")]
    assert one.hear(begun("key-1", life="b")) == one.hear(Wrote(key="key-1", lines=("late",))) == []
    assert one.task_vanished("key-1") == one.task_failed("key-1", "failed", hopeless=False) == []
    assert one.hear(begun("key-2")) == [Runs(11, "10.0.0.7")]


def test_one_that_is_told_to_end_before_it_runs_never_will() -> None:
    one = placed()
    one.ask()
    assert one.end() == [Forget("key-1"), Ending(status=0, how="was taken back")]
    assert one.hear(begun()) == []


def test_one_that_is_told_to_end_and_begun_anew_meanwhile_is_told_again() -> None:
    one = running()
    assert one.end() == [Signal(NODE, "key-1", signal.SIGTERM)]
    assert one.hear(begun(life="b", where=OTHER)) == [
        Runs(11, "10.0.0.8"),
        Signal(OTHER, "key-1", signal.SIGTERM),
    ]
    assert one.worker_left({NODE})[-1] == Ending(status=0, how="ended with its Dask worker on 10.0.0.8")


def test_a_crash_that_somebody_makes_is_no_end_for_good() -> None:
    one = running()
    assert one.kill(signal.SIGKILL) == [Signal(NODE, "key-1", signal.SIGKILL)]
    assert not one.leaving
    one.worker_left(())
    assert one.kill(signal.SIGKILL) == []
    assert not one.over


def test_a_task_that_dask_drops_is_asked_for_again() -> None:
    one = running()
    assert one.task_vanished("key-1")[-1] == Submit("key-2")


@pytest.mark.parametrize(("hopeless", "status"), [(True, REFUSED), (False, 1)])
def test_a_task_that_cannot_run_tells_whether_to_try_again(hopeless: bool, status: int) -> None:
    one = placed()
    one.ask()
    assert one.task_failed("key-1", "cannot", hopeless=hopeless)[-1] == Ending(status=status, how="cannot")


def test_one_that_waits_at_the_wrong_place_is_asked_for_anew_and_one_that_runs_is_not() -> None:
    one = placed()
    one.ask()
    assert one.ask_anew() == [Forget("key-1"), Submit("key-2")]
    assert one.hear(begun()) == []
    one.hear(begun("key-2"))
    assert one.ask_anew() == []


def test_why_it_waits_is_told_once() -> None:
    one = placed()
    one.ask()
    assert one.wait_for("all threads are taken") == [Waits("worker-1 waits: all threads are taken")]
    assert one.wait_for("all threads are taken") == []
    one.hear(begun())
    assert one.wait_for("all threads are taken") == []


KEYS, LIVES, NODES = (st.sampled_from(names) for names in (["key-1", "key-2", "key-3"], "ab", [NODE, OTHER]))
HAPPENINGS = st.one_of(
    st.builds(lambda key, life, where: ("hear", begun(key, life, where)), KEYS, LIVES, NODES),
    st.builds(lambda key, life: ("hear", ended(key, life)), KEYS, LIVES),
    st.builds(lambda key: ("task_vanished", key), KEYS),
    st.builds(lambda key: ("task_failed", key), KEYS),
    st.builds(lambda where: ("worker_left", {where}), NODES),
    st.sampled_from(
        [("scheduler", None), ("end", None), ("ask_anew", None), ("kill", signal.SIGKILL), ("give_up", None)]
    ),
)


def happens(one: Placed, what: str, told: object) -> Outcome:
    match what:
        case "scheduler":
            return [*one.scheduler_left("gone"), *one.ask()]
        case "task_failed":
            return one.task_failed(str(told), "cannot", hopeless=False)
    outcome: Outcome = getattr(one, what)(*([] if told is None else [told]))
    return outcome


@given(st.lists(HAPPENINGS, max_size=30))
def test_at_most_one_task_is_asked_for_and_none_when_it_is_over(story: list[tuple[str, object]]) -> None:
    one = placed()
    asked, endings, runs = [one.ask()[0]], 0, False
    for what, told in story:
        scheduler_went = what == "scheduler"
        for said in happens(one, what, told):
            match said:
                case Submit():
                    # What a scheduler had that is gone, and what Dask has dropped, need not be taken back.
                    assert scheduler_went or what == "task_vanished" or not asked
                    asked = [said]
                case Forget(key):
                    assert [Submit(key)] == asked
                    asked = []
                case Signal(key=key):
                    assert [Submit(key)] == asked
                    assert runs
                case Runs():
                    runs = True
                case Waits():
                    runs = False
                case Ending():
                    endings += 1
        assert endings == int(one.over)
        if one.over:
            assert not one.waits
            assert one.pid is None
            assert not asked or scheduler_went or what == "task_vanished"

"""Rules from their push to their end, with real workers."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom.rules import (
    FunctionRule,
    LocalPool,
    NoNewTasks,
    Retries,
    Rule,
    RuleEngine,
    RuleFactory,
    RuleFailed,
    RuleRefused,
    RuleTimedOut,
)
from rules.conftest import expected, frames, series
from support.patience import PATIENCE
from support.waiting import until

SUMS = "support.rule_tasks:sums"
WRITE = "support.rule_tasks:write_table"


def factory(task: str, count: int, **kwargs: Any) -> RuleFactory:
    return RuleFactory(rule_class=FunctionRule, task=task, series=count, **kwargs)


def test_workers_load_what_a_task_needs_before_its_first_frame(engine: RuleEngine, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    writer = series(tmp_path / "series", frames(0), close=False)
    rule = FunctionRule(SUMS, tmp_path / "series", parameters={"prepared": str(prepared)}).push(engine)
    until(lambda: len(list(prepared.iterdir())) == 2, "both workers get ready")
    assert rule.status()["frames"] == {"released": 0, "done": 0, "failed": 0, "final": None}
    writer.write(frames(3))
    writer.close()
    assert rule.wait(PATIENCE)["frames"]["done"] == 3


def test_every_frame_of_a_complete_series_is_worked_off_once(engine: RuleEngine, tmp_path: Path) -> None:
    pixels = frames(250)
    series(tmp_path / "series", pixels)
    rule = FunctionRule(
        SUMS, tmp_path / "series", gather=WRITE, outputs={"results": tmp_path / "out.npy"}, chunk=30
    )
    status = rule.push(engine).wait(PATIENCE)
    table = np.load(tmp_path / "out.npy")
    assert table["frame"].tolist() == list(range(250))
    assert (table["sum"] == expected(pixels)).all()
    assert status["frames"] == {"released": 250, "done": 250, "failed": 0, "final": 250}
    assert status["outputs"] == [
        {"key": "results", "path": str(tmp_path / "out.npy"), "requested": str(tmp_path / "out.npy")}
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_growing_series_is_followed_and_its_tail_is_not_lost(engine: RuleEngine, tmp_path: Path) -> None:
    pixels = frames(137)
    writer = series(tmp_path / "series", pixels[:0], close=False)
    rule = FunctionRule(
        SUMS,
        tmp_path / "series",
        gather=WRITE,
        outputs={"results": tmp_path / "out.npy"},
        chunk=20,
        max_wait=0.05,
    )
    rule.push(engine)
    for frame in pixels[:90]:
        writer.write(frame)
    assert engine.wait_until(lambda: rule.status()["frames"]["done"] == 90, PATIENCE)
    assert rule.status()["state"] == "running"
    assert rule.status()["frames"]["final"] is None
    for frame in pixels[90:]:
        writer.write(frame)
    writer.close()
    rule.wait(PATIENCE)
    assert (np.load(tmp_path / "out.npy")["sum"] == expected(pixels)).all()


def test_a_series_that_begins_after_the_rule_is_waited_for(engine: RuleEngine, tmp_path: Path) -> None:
    rule = FunctionRule(
        SUMS, tmp_path / "later", gather=WRITE, outputs={"results": tmp_path / "out.npy"}
    ).push(engine)
    series(tmp_path / "later", frames(12))
    assert rule.wait(PATIENCE)["frames"]["done"] == 12


def test_a_series_without_frames_ends_with_an_empty_table(engine: RuleEngine, tmp_path: Path) -> None:
    series(tmp_path / "series", frames(0))
    rule = FunctionRule(SUMS, tmp_path / "series", gather=WRITE, outputs={"results": tmp_path / "out.npy"})
    rule.push(engine).wait(PATIENCE)
    assert len(np.load(tmp_path / "out.npy")) == 0


def test_chunks_see_the_frames_around_them_wherever_they_are_cut(engine: RuleEngine, tmp_path: Path) -> None:
    pixels = frames(61)
    series(tmp_path / "series", pixels)
    tables = []
    for size in (61, 10, 1):
        out = tmp_path / f"out-{size}.npy"
        rule = FunctionRule(
            "support.rule_tasks:with_neighbours",
            tmp_path / "series",
            gather=WRITE,
            outputs={"results": out},
            chunk=size,
            halo=1,
        )
        rule.push(engine).wait(PATIENCE)
        tables.append(np.load(out))
    assert (tables[0] == tables[1]).all()
    assert (tables[0] == tables[2]).all()


def test_a_name_that_is_taken_is_not_overwritten(engine: RuleEngine, tmp_path: Path) -> None:
    series(tmp_path / "series", frames(5))
    (tmp_path / "out.npy").write_text("somebody's")
    rule = FunctionRule(SUMS, tmp_path / "series", gather=WRITE, outputs={"results": tmp_path / "out.npy"})
    status = rule.push(engine).wait(PATIENCE)
    assert (tmp_path / "out.npy").read_text() == "somebody's"
    assert status["outputs"][0]["path"] == str(tmp_path / "out_1.npy")
    assert len(np.load(tmp_path / "out_1.npy")) == 5


def test_what_failed_is_told_in_groups_and_repaired_by_retry(engine: RuleEngine, tmp_path: Path) -> None:
    pixels = frames(40)
    series(tmp_path / "series", pixels)
    marker = tmp_path / "broken"
    marker.touch()
    rule = FunctionRule(
        "support.rule_tasks:fails_where_told",
        tmp_path / "series",
        gather=WRITE,
        outputs={"results": tmp_path / "out.npy"},
        parameters={"bad": [3, 7, 14, 30], "marker": str(marker)},
        chunk=4,
    )
    after = factory("support.rule_tasks:nothing", 1)
    rule.chain(after)
    rule.push(engine)
    with pytest.raises(RuleFailed, match=r"16 of 40 frames.*retry_failed"):
        rule.wait(PATIENCE)
    status = rule.status()
    assert [(one["message"], one["given_up"], one["frames"]) for one in status["errors"]] == [
        ("frame 1 is bad", 2, [(0, 8)]),
        ("frame 0 is bad", 2, [(12, 16), (28, 32)]),
    ]
    assert "ValueError" in status["errors"][0]["traceback"]
    assert len(np.load(tmp_path / "out.npy")) == 24
    (child,) = status["next"]
    assert engine.rule(child).status()["state"] == "skipped"
    assert "16 of 40 frames of the step before failed" in engine.rule(child).status()["reason"]

    marker.unlink()
    assert rule.retry_failed() == 4
    status = rule.wait(PATIENCE, chain=True)
    assert (np.load(tmp_path / "out.npy")["sum"] == expected(pixels)).all()
    assert [one["path"] for one in status["outputs"]] == [str(tmp_path / "out.npy")]
    assert engine.rule(child).status()["state"] == "done"


def test_results_that_cannot_be_put_together_fail_the_rule_and_can_be_tried_again(
    engine: RuleEngine, tmp_path: Path
) -> None:
    series(tmp_path / "series", frames(10))
    marker = tmp_path / "broken"
    marker.touch()
    rule = FunctionRule(
        SUMS,
        tmp_path / "series",
        gather="support.rule_tasks:write_broken",
        outputs={"results": tmp_path / "out.npy"},
        parameters={"marker": str(marker)},
    )
    rule.push(engine)
    with pytest.raises(RuleFailed, match="could not be put together"):
        rule.wait(PATIENCE)
    marker.unlink()
    assert rule.retry_failed() == 1
    rule.wait(PATIENCE)
    assert len(np.load(tmp_path / "out.npy")) == 10


def test_an_error_of_the_disk_is_tried_again_by_itself(engine: RuleEngine, tmp_path: Path) -> None:
    series(tmp_path / "series", frames(10))
    lives = tmp_path / "lives"
    lives.mkdir()
    for life in "ab":
        (lives / life).touch()
    rule = FunctionRule(
        "support.rule_tasks:disk_is_away",
        tmp_path / "series",
        parameters={"lives": str(lives)},
        retries=Retries(backoff=0.01),
    )
    status = rule.push(engine).wait(PATIENCE)
    assert [(one["kind"], one["chunks"], one["given_up"]) for one in status["errors"]] == [("OSError", 1, 0)]


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_chunk_that_ends_its_worker_is_tried_once_more_and_then_given_up(
    engine: RuleEngine, tmp_path: Path, deaths: int
) -> None:
    pixels = frames(40)
    series(tmp_path / "series", pixels)
    lives = tmp_path / "lives"
    lives.mkdir()
    for life in range(deaths):
        (lives / str(life)).touch()
    rule = FunctionRule(
        "support.rule_tasks:dies",
        tmp_path / "series",
        gather=WRITE,
        outputs={"results": tmp_path / "out.npy"},
        parameters={"bad": [13], "lives": str(lives)},
        chunk=5,
        retries=Retries(backoff=0.01),
    )
    status = rule.push(engine).wait(PATIENCE, check=False)
    assert status["state"] == ("done" if deaths == 1 else "failed")
    assert status["frames"]["failed"] == (0 if deaths == 1 else 5)
    (error,) = status["errors"]
    assert error["kind"] == "worker died"
    assert "SIGKILL" in error["message"]
    table = np.load(tmp_path / "out.npy")
    kept = [frame for frame in range(40) if deaths == 1 or not 10 <= frame < 15]
    assert table["frame"].tolist() == kept
    assert (table["sum"] == expected(pixels)[kept]).all()


def test_a_chunk_that_takes_too_long_is_ended_and_told(engine: RuleEngine, tmp_path: Path) -> None:
    marker = tmp_path / "hold"
    marker.touch()
    rule = FunctionRule(
        "support.rule_tasks:holds",
        2,
        parameters={"marker": str(marker)},
        timeout=0.1,
        retries=Retries(timeouts=0),
    )
    status = rule.push(engine).wait(PATIENCE, check=False)
    assert status["state"] == "failed"
    assert status["errors"][0]["kind"] == "time limit"
    assert "0.1 s" in status["errors"][0]["message"]


def test_a_cancelled_rule_ends_at_once_with_all_that_follows_it(engine: RuleEngine, tmp_path: Path) -> None:
    marker, here = tmp_path / "hold", tmp_path / "here"
    marker.touch()
    here.mkdir()
    rule = FunctionRule(
        "support.rule_tasks:holds", 10, parameters={"marker": str(marker), "here": str(here)}, chunk=1
    )
    rule.chain(factory("support.rule_tasks:nothing", 1), on="finish")
    rule.push(engine)
    assert engine.wait_until(lambda: rule.status()["chunks"]["leased"] > 1, PATIENCE)
    rule.cancel()
    status = rule.wait(1.0, chain=True, check=False)
    assert status["state"] == "cancelled"
    assert engine.rule(status["next"][0]).status()["state"] in ("cancelled", "skipped")
    with pytest.raises(RuleFailed, match="was cancelled"):
        rule.wait(1.0)
    # The engine goes on with others.
    FunctionRule("support.rule_tasks:nothing", 1000).push(engine).wait(PATIENCE)


def test_a_step_before_several_and_a_step_after_several(engine: RuleEngine) -> None:
    first, left, right, last = (factory("support.rule_tasks:nothing", 10, name=name) for name in "abcd")
    first.chain(left).chain(last)
    first.chain(right).chain(last)
    rule = first.get_rule({}).push(engine)
    rule.wait(PATIENCE, chain=True)
    steps = {view.spec.name: view for view in (handle.view() for handle in engine.rules())}
    assert sorted(steps) == list("abcd")
    assert sorted(steps["d"].parents) == sorted([steps["b"].id, steps["c"].id])
    started = {name: view.started or 0.0 for name, view in steps.items()}
    assert started["d"] >= max(steps["b"].finished or 0.0, steps["c"].finished or 0.0)


def test_what_follows_starts_when_a_series_is_found_closed_after_all_its_frames_were_worked_off(
    engine: RuleEngine, tmp_path: Path
) -> None:
    writer = series(tmp_path / "series", frames(10), close=False)
    rule = FunctionRule(SUMS, tmp_path / "series", max_wait=0.01)
    series(tmp_path / "empty", frames(0))
    rule.chain(RuleFactory(rule_class=FunctionRule, task=SUMS, series=tmp_path / "empty")).chain(
        factory("support.rule_tasks:nothing", 5)
    )
    rule.push(engine)
    assert engine.wait_until(lambda: rule.status()["frames"]["done"] == 10, PATIENCE)
    writer.close()
    rule.wait(PATIENCE, chain=True)
    assert [handle.status()["frames"]["done"] for handle in engine.rules()] == [10, 0, 5]


def test_the_next_step_starts_within_a_tenth_of_a_second(engine: RuleEngine) -> None:
    first, second = (factory("support.rule_tasks:nothing", 1) for _ in range(2))
    first.chain(second)
    FunctionRule("support.rule_tasks:nothing", 10).push(engine).wait(PATIENCE)  # the workers have started
    rule = first.get_rule({}).push(engine)
    rule.wait(PATIENCE, chain=True)
    before, after = rule.pushed.view(), engine.rule(rule.status()["next"][0]).view()
    assert (after.started or 0.0) - (before.finished or 0.0) < 0.1


def test_a_chain_that_comes_back_to_itself_is_refused() -> None:
    first, second = (factory("support.rule_tasks:nothing", 1) for _ in range(2))
    first.chain(second)
    second.chain(first)
    with pytest.raises(RuleRefused, match="comes back"):
        first.get_rule({}).push(None)


def test_rules_of_a_higher_priority_come_first(tmp_path: Path) -> None:
    marker, here = tmp_path / "hold", tmp_path / "here"
    marker.touch()
    here.mkdir()
    with RuleEngine(tmp_path / "one", LocalPool(1)) as engine:
        holds = FunctionRule("support.rule_tasks:holds", 1, parameters={"marker": str(marker)}).push(engine)
        assert engine.wait_until(lambda: holds.status()["chunks"]["leased"] == 1, PATIENCE)
        low, high = (
            FunctionRule("support.rule_tasks:rests", 40, parameters={"seconds": 0.001}, chunk=1, priority=p)
            for p in (0, 5)
        )
        low.push(engine)
        high.push(engine)
        marker.unlink()
        low.wait(PATIENCE)
        assert (high.pushed.view().finished or 0.0) < (low.pushed.view().finished or 0.0)


def test_no_more_chunks_are_out_than_their_resources_allow(tmp_path: Path) -> None:
    marker, here = tmp_path / "hold", tmp_path / "here"
    marker.touch()
    here.mkdir()
    with RuleEngine(tmp_path / "gpu", LocalPool(3, gpus=1)) as engine:
        rule = FunctionRule(
            "support.rule_tasks:holds",
            4,
            parameters={"marker": str(marker), "here": str(here)},
            chunk=1,
            resources={"gpu": 1},
        ).push(engine)
        assert engine.wait_until(lambda: bool(list(here.iterdir())), PATIENCE)
        assert rule.status()["chunks"]["leased"] == 1
        marker.unlink()
        rule.wait(PATIENCE)
        with pytest.raises(RuleRefused, match="needs 2 gpu"):
            FunctionRule("support.rule_tasks:nothing", 1, resources={"gpu": 2}).push(engine)


def test_waiting_has_a_limit_and_the_rule_goes_on(engine: RuleEngine, tmp_path: Path) -> None:
    marker = tmp_path / "hold"
    marker.touch()
    rule = FunctionRule("support.rule_tasks:holds", 1, parameters={"marker": str(marker)}).push(engine)
    with pytest.raises(RuleTimedOut, match="holds is running"):
        rule.wait(0.05)
    marker.unlink()
    rule.wait(PATIENCE)


def test_what_tasks_print_and_read_does_not_get_between_the_messages(engine: RuleEngine) -> None:
    rule = FunctionRule("support.rule_tasks:prints", 20, chunk=5).push(engine)
    rule.wait(PATIENCE)
    values = [part.value for part in engine.parts(rule.pushed.id)]
    assert values == [{"read": "", "start": start} for start in (0, 5, 10, 15)]


@pytest.mark.parametrize(("task", "kind"), [("exits", "SystemExit"), ("returns_an_object", "RuleError")])
def test_a_task_that_misbehaves_fails_alone(engine: RuleEngine, task: str, kind: str) -> None:
    status = FunctionRule(f"support.rule_tasks:{task}", 3, chunk=1).push(engine).wait(PATIENCE, check=False)
    assert [(one["kind"], one["given_up"]) for one in status["errors"]] == [(kind, 3)]


@pytest.mark.parametrize("task", ["support.rule_tasks:nowhere", "no.such.module:task", "nothing"])
def test_a_task_that_is_not_there_is_refused_before_anything_starts(task: str) -> None:
    with pytest.raises(RuleRefused, match="cannot be found"):
        FunctionRule(task, 1)


def test_a_worker_that_is_killed_from_outside_is_replaced(tmp_path: Path) -> None:
    import os
    import signal

    pixels = frames(400)
    series(tmp_path / "series", pixels)
    pool = LocalPool(2)
    with RuleEngine(tmp_path / "rules", pool) as engine:
        rule = FunctionRule(
            "support.rule_tasks:rests",
            tmp_path / "series",
            gather=WRITE,
            outputs={"results": tmp_path / "out.npy"},
            parameters={"seconds": 0.01},
            chunk=5,
            retries=Retries(deaths=10, backoff=0.01),
        ).push(engine)
        for done in (20, 100, 200):
            assert engine.wait_until(lambda done=done: rule.status()["frames"]["done"] >= done, PATIENCE)  # type: ignore[misc]
            os.kill(pool.pids()[0], signal.SIGKILL)
        rule.wait(PATIENCE)
    table = np.load(tmp_path / "out.npy")
    assert table["frame"].tolist() == list(range(400))
    assert (table["sum"] == expected(pixels)).all()


class Counted(Rule):
    """A rule of one's own, which says by itself how much there is."""

    task = "support.rule_tasks:nothing"

    def __init__(self, total: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.total = total
        self.seen = 0
        self.told: list[str] = []
        self.ready = threading.Event()

    def prepare(self) -> dict[str, Any]:
        self.told.append("prepared")
        return {}

    @property
    def total_frames(self) -> int:
        return self.seen

    @property
    def complete(self) -> bool:
        return self.ready.is_set()

    @property
    def data_complete(self) -> bool:
        return self.ready.is_set()

    def on_data_complete(self) -> None:
        self.told.append("complete")

    def get_new_tasks(self) -> tuple[int, int]:
        if self._next >= self.seen:
            raise NoNewTasks
        start, self._next = self._next, self.seen
        return start, self.seen


def test_a_rule_of_ones_own_releases_what_it_says_and_the_rest_at_its_end(engine: RuleEngine) -> None:
    rule = Counted(70, chunk=10, max_wait=0.01)
    rule.push(engine)
    rule.seen = 25
    assert engine.wait_until(lambda: rule.status()["frames"]["done"] == 25, PATIENCE)
    rule.seen = 70
    rule.ready.set()
    assert rule.wait(PATIENCE)["frames"]["final"] == 70
    assert rule.told == ["prepared", "complete"]


def test_an_error_in_a_hook_is_told_and_the_hook_is_asked_again(engine: RuleEngine) -> None:
    class Faulty(Counted):
        faults = 1

        def get_new_tasks(self) -> tuple[int, int]:
            if self.faults:
                self.faults -= 1
                raise ZeroDivisionError("by nothing")
            return super().get_new_tasks()

    rule = Faulty(5)
    rule.seen = 5
    rule.ready.set()
    rule.push(engine)
    assert engine.wait_until(lambda: "ZeroDivisionError" in rule.status()["trouble"], PATIENCE)
    rule.wait(PATIENCE)


def test_a_status_has_the_keys_that_notebooks_read(engine: RuleEngine) -> None:
    status = FunctionRule("support.rule_tasks:nothing", 30).push(engine).wait(PATIENCE)
    assert (status["tasksPosted"], status["tasksRunning"], status["tasksCompleted"]) == (30, 0, 30)
    assert (status["tasksFailed"], status["finished"], status["active"]) == (0, True, False)
    assert status["rate"] > 0
    assert time.time() - status["started"] < PATIENCE

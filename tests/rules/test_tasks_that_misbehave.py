"""What a task does to its worker costs its own chunk an attempt, says why, and holds up nobody."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from beamloom.rules import FunctionRule, LocalPool, Retries, RuleEngine
from support.patience import PATIENCE
from support.waiting import until

ONCE = Retries(deaths=0, timeouts=0)


@pytest.mark.parametrize(
    ("task", "kind", "words"),
    [
        ("fails_in_latin", "ValueError", r"cannot read /data/\udcfcber"),
        ("writes_in_latin", "RuleError", "give it another one"),
    ],
)
def test_text_that_is_no_unicode_is_told(engine: RuleEngine, task: str, kind: str, words: str) -> None:
    rule = FunctionRule(f"support.rule_tasks:{task}", 1, work=engine.folder / "work", retries=ONCE).push(
        engine
    )
    (error,) = rule.wait(PATIENCE, check=False)["errors"]
    assert error["kind"] == kind
    assert words in error["message"]


def test_a_time_limit_ends_what_a_task_has_forked_as_well(engine: RuleEngine, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    rule = FunctionRule(
        "support.rule_tasks:forks", 1, parameters={"here": str(here)}, timeout=0.5, retries=ONCE
    ).push(engine)
    status = rule.wait(PATIENCE, check=False)
    assert status["errors"][0]["kind"] == "time limit"
    (left,) = here.iterdir()
    until(lambda: has_ended(int(left.name)), "the process that it left has ended")


def test_a_worker_that_stands_still_is_ended_though_it_was_told_more_than_a_pipe_holds(
    tmp_path: Path,
) -> None:
    with RuleEngine(tmp_path / "rules", LocalPool(1)) as engine:
        FunctionRule("support.rule_tasks:nothing", 1).push(engine).wait(PATIENCE)
        (worker,) = engine._executor.pids()  # type: ignore[attr-defined]
        os.kill(worker, signal.SIGSTOP)
        rule = FunctionRule(
            "support.rule_tasks:nothing", 1, parameters={"words": "x" * 500_000}, timeout=0.5
        ).push(engine)
        assert rule.wait(PATIENCE)["state"] == "done"


def has_ended(pid: int) -> bool:
    """Whether there is no such process any more; one that nobody has waited for has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True

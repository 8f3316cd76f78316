"""A run can be put down at any moment and taken up by another process: by its state, or by telling it again what it was told."""

from __future__ import annotations

import inspect
import itertools
import os
import pickle
import subprocess
import sys

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import rule

from beamloom.engine.accounts.faults import Death, Failure
from beamloom.engine.runs.checkpoint import CheckpointError, freeze, thaw
from beamloom.engine.runs.inputs import Input, encode_input, replay
from beamloom.engine.runs.run import Run, RunSettings
from beamloom.triggermap import TriggerMap, open_ended, uniform
from engine.mill import Mill
from engine.test_any_order import DEEP, AnyOrder, mixed_map


class Diary:
    """Keeps a run's state of some moment and all that it was told since."""

    def __init__(self, run: Run) -> None:
        self.state = freeze(run)
        self.inputs: list[bytes] = []
        run.witness = self.write

    def write(self, one: Input) -> None:
        self.inputs.append(encode_input(one))


def again(diary: Diary, trigger_map: TriggerMap) -> Run:
    """The run that the diary tells of, as another process would have it: with a map that it has read."""
    run = thaw(diary.state, TriggerMap.from_json(trigger_map.encode()))
    assert replay(run, diary.inputs) == len(diary.inputs)
    return run


class AnyOrderWithRestarts(AnyOrder):
    """As any order, and the controller dies again and again and is replaced by one that knows what was stored."""

    diary: Diary
    restarts = True

    def make_mill(self, trigger_map: TriggerMap, team: dict[str, frozenset[str]], budget: int) -> Mill:
        mill = super().make_mill(trigger_map, team, budget)
        self.diary = Diary(mill.run)
        return mill

    @rule(at_once=st.booleans())
    def the_run_is_taken_up_again(self, at_once: bool) -> None:
        taken_up = again(self.diary, self.mill.map)
        if at_once:
            # What both decide next is the same.
            probe = again(self.diary, self.mill.map)
            ahead = self.mill.run
            ahead.witness = None
            copy = thaw(freeze(ahead), ahead.trigger_map)
            assert probe.advance(self.mill.now + 20) == copy.advance(self.mill.now + 20)
            assert probe.ledger.counts() == copy.ledger.counts()
        self.mill.run = taken_up
        self.diary = Diary(taken_up)

    def _check_nothing_is_kept(self) -> None:
        for worker in [*self.mill.workers.values(), *self.mill.retired]:
            # Packets that came for a lease of which a dead controller told the ingesters alone: they stay until the run is over.
            worker.assembler._here.clear()
        super()._check_nothing_is_kept()

    @rule(arriving=st.lists(st.integers(0, 8), min_size=6, max_size=6))
    def the_controller_dies(self, arriving: list[int]) -> None:
        taken_up = again(self.diary, self.mill.map)
        self.diary = Diary(taken_up)
        arrive = itertools.cycle(arriving)
        self.mill.controller_dies(taken_up, lambda count: min(count, next(arrive)))


AnyOrderWithRestarts.TestCase.settings = settings(
    max_examples=2000 if DEEP else 60, stateful_step_count=100 if DEEP else 50, deadline=None
)
TestAnyOrderWithRestarts = AnyOrderWithRestarts.TestCase


def test_every_method_that_changes_a_run_is_recorded() -> None:
    methods = {
        name: method
        for name, method in inspect.getmembers(Run, inspect.isfunction)
        if not name.startswith("_") and not getattr(method, "is_recorded", False)
    }
    assert set(methods) == {"losses_by_cause", "outstanding"}


def test_a_state_is_small_however_long_the_map_is() -> None:
    run = Run("run", uniform(["a"], 10_000_000), RunSettings(), 0.0)
    run.add_worker("w", {"generic"}, 0.0)
    run.advance(0.1)
    assert len(freeze(run)) < 100_000


def test_a_state_holds_nothing_that_runs() -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("true",)

    for trap in (pickle.dumps(Trap()), pickle.dumps(print), b"torn", pickle.dumps([1])):
        with pytest.raises(CheckpointError):
            thaw(trap, open_ended(["a"]))


LEASES = """
import sys
from beamloom.engine.runs.checkpoint import freeze, thaw
from beamloom.engine.runs.run import Run, RunSettings
from beamloom.triggermap import TriggerMap
run = Run("run", TriggerMap.from_json(sys.stdin.buffer.read()), RunSettings(), 0.0)
for name in ("w0", "w1", "w2"):
    run.add_worker(name, ("generic", "debug"), 0.0)
print(run.advance(0.1).spans)
run = thaw(freeze(run), run.trigger_map)
run.lose_worker("w1", killed=True)
run.advance(0.2)
run.fenced("w1", 0.3)
run.taken("w0", 0, 0, 4, 0.4)
print(run.advance(0.5).spans, run.advance(0.6).spans)
"""


def test_another_process_decides_the_same() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", LEASES],
            input=mixed_map().encode(),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
    assert b"Span" in outputs.pop()


def test_how_a_worker_died_is_known_to_who_takes_the_run_up() -> None:
    trigger_map = uniform(["a"], 20, all_wrap=False)
    run = Run("run", trigger_map, RunSettings(), 0.0)
    diary = Diary(run)
    stack = "File worker.py, line 3 in process_event"
    death = Death(
        0, Failure("process", "EventTimeout", "event 0 took longer than event_timeout (1 s)", stack)
    )
    for number, worker in enumerate(["w1", "w2"]):
        run.add_worker(worker, ["generic"], float(number))
        (held,) = run.advance(float(number)).spans[:1]
        assert held.first == 0
        run.lose_worker(worker, killed=True, death=death)
        run.fenced(worker, number + 0.5)
    for one in (run, again(diary, trigger_map)):
        (group,) = one.faults.groups
        assert (group.failure.error, group.failure.traceback) == ("EventTimeout", stack)
        assert group.failure.message.startswith(f"{death.failure.message}; event 0 was alone on w2")
        assert list(group.events) == [(0, 1)]

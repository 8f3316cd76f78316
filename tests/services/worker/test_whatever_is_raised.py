"""Whatever a hook raises, what is meant to end a process included: it ends where the documents say, and the process goes on."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from beamloom.events import Event, Result
from beamloom.parameters import IntParameter
from beamloom.services.controller.arming import ArmingRefused
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, Gathering, counts, series

FRAMES = 6
RAISED = [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError, RecursionError, StopIteration]


@pytest.fixture(autouse=True)
def as_in_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the process of a service, signals raise nothing: a KeyboardInterrupt is the user's code's."""
    monkeypatch.setattr("beamloom.services.shell.raised.interrupts_raise", lambda: False)


class Harm:
    """Raises ``error`` in the hook ``at``."""

    at: ClassVar[str] = ""
    error: ClassVar[type[BaseException]] = Exception

    @classmethod
    def harm(cls, hook: str) -> None:
        if hook == cls.at:
            raise cls.error(f"planted in {hook}")


class HarmfulMap(Harm):
    stateful = False

    def __init__(self) -> None:
        self.harm("__init__")

    @classmethod
    def describe_parameters(cls) -> list[IntParameter]:
        cls.harm("describe_parameters")
        return []

    def get_tick_interval(self) -> float:
        self.harm("get_tick_interval")
        return 1.0

    def process_event(self, event: Event) -> int:
        if event.event_number == 3:
            self.harm("process_event")
        return event.event_number

    def finish(self) -> None:
        self.harm("finish")

    def close(self) -> None:
        self.harm("close")


class HarmfulReduce(Harm, Gathering):
    def __init__(self) -> None:
        super().__init__()
        self.harm("__init__")

    @classmethod
    def describe_parameters(cls) -> list[IntParameter]:
        cls.harm("describe_parameters")
        return []

    def process_result(self, result: Result) -> None:
        if result.event_number == 3:
            self.harm("process_result")
        super().process_result(result)

    def timer(self) -> float:
        self.harm("timer")
        return 0.1

    def finish(self) -> None:
        super().finish()
        self.harm("finish")

    def close(self) -> None:
        self.harm("close")


def harmful(base: type, hook: str, error: type[BaseException]) -> type:
    return type(base.__name__, (base,), {"at": hook, "error": error})


def everyone(bench: Bench) -> set[str]:
    return {member.name for member in bench.controller.ensemble}


ALL = {"worker-1", "worker-2", "reducer", "eiger-ingester"}


@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize("side", ["map", "reduce"])
def test_an_event_whose_hook_raises_has_failed_and_nobody_ends(side: str, error: type[BaseException]) -> None:
    mapping = harmful(HarmfulMap, "process_event" if side == "map" else "", error)
    reducing = harmful(HarmfulReduce, "process_result" if side == "reduce" else "", error)
    with Bench({"eiger": Feed(series(FRAMES))}, mapping, reducing) as bench:
        active = bench.play(uniform(["eiger"], FRAMES))
        assert counts(active) == (FRAMES + 1, 1, 0)
        assert list(active.run.ledger.failed) == [(3, 4)]
        (group,) = active.run.faults.groups
        assert group.failure.error == error.__name__
        assert active.run.redelivered == 0
        assert everyone(bench) == ALL


@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize(("side", "hook"), [("map", "finish"), ("reduce", "finish"), ("reduce", "timer")])
def test_a_hook_that_belongs_to_no_event_fails_without_an_event_and_nobody_ends(
    side: str, hook: str, error: type[BaseException]
) -> None:
    mapping = harmful(HarmfulMap, hook if side == "map" else "", error)
    reducing = harmful(HarmfulReduce, hook if side == "reduce" else "", error)
    with Bench({"eiger": Feed(series(FRAMES))}, mapping, reducing) as bench:
        active = bench.play(uniform(["eiger"], FRAMES))
        assert counts(active) == (FRAMES + 2, 0, 0)
        (group,) = active.run.faults.groups
        assert group.failure.error == error.__name__
        assert group.failure.where.endswith(hook)
        assert not group.events
        assert everyone(bench) == ALL


@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize(
    ("side", "hook"), [("map", "__init__"), ("map", "get_tick_interval"), ("reduce", "__init__")]
)
def test_a_class_that_cannot_begin_refuses_the_run_and_nobody_ends(
    side: str, hook: str, error: type[BaseException]
) -> None:
    mapping = harmful(HarmfulMap, hook if side == "map" else "", error)
    reducing = harmful(HarmfulReduce, hook if side == "reduce" else "", error)
    with Bench({"eiger": Feed()}, mapping, reducing) as bench:
        refusal = bench.try_to_arm(uniform(["eiger"], FRAMES))
        assert isinstance(refusal, ArmingRefused)
        assert f"{hook} failed: {error.__name__}: planted in {hook}" in str(refusal)
        assert everyone(bench) == ALL


# An interrupt while the process starts is a person's.
@pytest.mark.parametrize("error", [one for one in RAISED if issubclass(one, Exception | SystemExit)])
@pytest.mark.parametrize("side", ["map", "reduce"])
def test_a_class_that_cannot_describe_its_parameters_refuses_each_run_with_the_reason(
    side: str, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    mapping = harmful(HarmfulMap, "describe_parameters" if side == "map" else "", error)
    reducing = harmful(HarmfulReduce, "describe_parameters" if side == "reduce" else "", error)
    with (
        caplog.at_level("CRITICAL", logger="beamloom.services"),
        Bench({"eiger": Feed()}, mapping, reducing) as bench,
    ):
        refusal = bench.try_to_arm(uniform(["eiger"], FRAMES))
        assert isinstance(refusal, ArmingRefused)
        assert f"describe_parameters failed: {error.__name__}: planted in describe_parameters" in str(refusal)
        assert everyone(bench) == ALL


@pytest.mark.parametrize("error", RAISED)
def test_a_close_hook_that_raises_does_not_keep_the_process_from_saying_goodbye(
    error: type[BaseException],
) -> None:
    mapping, reducing = harmful(HarmfulMap, "close", error), harmful(HarmfulReduce, "close", error)
    with Bench({"eiger": Feed(series(FRAMES))}, mapping, reducing) as bench:
        bench.play(uniform(["eiger"], FRAMES))
        bench.end("worker-1")
        bench.end("reducer")
        bench.until(bench.everyone_known, 5)


def test_an_interrupt_of_a_person_ends_what_ctrl_c_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.services.shell.raised.interrupts_raise", lambda: True)
    mapping: Any = harmful(HarmfulMap, "process_event", KeyboardInterrupt)
    with Bench({"eiger": Feed(series(FRAMES))}, mapping) as bench, pytest.raises(KeyboardInterrupt):
        bench.play(uniform(["eiger"], FRAMES))

"""Hooks get the arguments that they accept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from beamloom.analysis import AnalysisError, AnalysisNotFound, ReducerAnalysis, WorkerAnalysis, WorkerState
from beamloom.events import Event, Result
from beamloom.parameters import IntParameter, ParameterSet, ParameterValue

EVENT = Event(7, {})
RESULT = Result(7, "worker-1", "hash", {"a": 1})
PARAMETERS = ParameterSet({"roi1": b"[10, 20]"})
STATE = WorkerState(name="worker-1")


def started(cls: type, **context: Any) -> WorkerAnalysis:
    analysis = WorkerAnalysis(cls)
    analysis.start(PARAMETERS, context, STATE)
    return analysis


class EventOnly:
    def process_event(self, event):  # type: ignore[no-untyped-def]
        return (event,)


class WithDefault:
    def process_event(self, event, parameters=None):  # type: ignore[no-untyped-def]
        return event, parameters


class All:
    def process_event(self, event, parameters, tick):  # type: ignore[no-untyped-def]
        return event, parameters, tick


class OwnNames:
    def process_event(self, evt, params=None, emit=False):  # type: ignore[no-untyped-def]
        return evt, params, emit


class EventAndTick:
    def process_event(self, event, tick):  # type: ignore[no-untyped-def]
        return event, tick


class OtherOrder:
    def process_event(self, event, tick, parameters):  # type: ignore[no-untyped-def]
        return event, parameters, tick


class OpenEnded:
    def process_event(self, event, *args, **kwargs):  # type: ignore[no-untyped-def]
        assert not kwargs
        return (event, *args)


class OpenEndedAfterParameters:
    def process_event(self, event, parameters=None, *args, **kwargs):  # type: ignore[no-untyped-def]
        assert not kwargs
        return (event, parameters, *args)


class Keywords:
    def process_event(self, event, **kwargs):  # type: ignore[no-untyped-def]
        return event, kwargs["parameters"], kwargs["tick"]


class KeywordOnly:
    def process_event(self, event, *, tick, parameters):  # type: ignore[no-untyped-def]
        return event, parameters, tick


class OwnDefaultBetween:
    def process_event(self, event, threshold=5, parameters=None, tick=None):  # type: ignore[no-untyped-def]
        assert threshold == 5
        return event, parameters, tick


class Static:
    @staticmethod
    def process_event(event, parameters):  # type: ignore[no-untyped-def]
        return event, parameters


class OfTheClass:
    @classmethod
    def process_event(cls, event, parameters):  # type: ignore[no-untyped-def]
        return event, parameters


class Nothing:
    def process_event(self):  # type: ignore[no-untyped-def]
        return ()


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (EventOnly, (EVENT,)),
        (WithDefault, (EVENT, PARAMETERS)),
        (All, (EVENT, PARAMETERS, True)),
        (OwnNames, (EVENT, PARAMETERS, True)),
        (EventAndTick, (EVENT, True)),
        (OtherOrder, (EVENT, PARAMETERS, True)),
        (OpenEnded, (EVENT, PARAMETERS, True)),
        (OpenEndedAfterParameters, (EVENT, PARAMETERS, True)),
        (Keywords, (EVENT, PARAMETERS, True)),
        (KeywordOnly, (EVENT, PARAMETERS, True)),
        (OwnDefaultBetween, (EVENT, PARAMETERS, True)),
        (Static, (EVENT, PARAMETERS)),
        (OfTheClass, (EVENT, PARAMETERS)),
        (Nothing, ()),
    ],
)
def test_an_event_is_handed_over_as_the_hook_takes_it(cls: type, expected: tuple[object, ...]) -> None:
    assert started(cls).process_event(EVENT, PARAMETERS, True) == expected


class NoArguments:
    got: Any = ()

    def __init__(self) -> None:
        pass

    process_event = OpenEnded.process_event


class ParametersAndRest(NoArguments):
    def __init__(self, parameters=None, **kwargs):  # type: ignore[no-untyped-def]
        self.got = parameters, kwargs["context"], kwargs["state"]


class RestOnly(NoArguments):
    def __init__(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        assert not args
        self.got = kwargs["parameters"], kwargs["context"], kwargs["state"]


class PlacesOnly(NoArguments):
    def __init__(self, *args):  # type: ignore[no-untyped-def]
        self.got = args


class OwnNameAndDefault(NoArguments):
    def __init__(self, parameters, size=5, context=None, state=None):  # type: ignore[no-untyped-def]
        assert size == 5
        self.got = parameters, context, state


class OwnNameAndDefaultLast(NoArguments):
    def __init__(self, parameters, size=5):  # type: ignore[no-untyped-def]
        assert size == 5
        self.got = (parameters,)


class OwnNameFirst(NoArguments):
    def __init__(self, params, context, state):  # type: ignore[no-untyped-def]
        self.got = params, context, state


class StateOnly(NoArguments):
    def __init__(self, state):  # type: ignore[no-untyped-def]
        self.got = (state,)


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (EventOnly, None),
        (NoArguments, ()),
        (ParametersAndRest, (PARAMETERS, {}, STATE)),
        (RestOnly, (PARAMETERS, {}, STATE)),
        (PlacesOnly, (PARAMETERS, {}, STATE)),
        (OwnNameAndDefault, (PARAMETERS, {}, STATE)),
        (OwnNameAndDefaultLast, (PARAMETERS,)),
        (OwnNameFirst, (PARAMETERS, {}, STATE)),
        (StateOnly, (STATE,)),
    ],
)
def test_a_class_is_made_with_what_its_constructor_takes(
    cls: type, expected: tuple[object, ...] | None
) -> None:
    made: list[Any] = []

    class Seen(cls):  # type: ignore[misc]
        def process_event(self) -> None:
            made.append(getattr(self, "got", None))

    started(Seen).process_event(EVENT, PARAMETERS, False)
    assert made == [expected]


class Misspelt:
    def proces_event(self, event: Event) -> None: ...


class Demanding:
    def process_event(self, event, parameters, tick, calibration):  # type: ignore[no-untyped-def]
        ...


class DemandingConstructor(EventOnly):
    def __init__(self, *, detector: str) -> None: ...


class WithoutSelf:
    def process_event():  # type: ignore[no-untyped-def,misc]  # noqa: N805, RUF100
        ...


class Coroutine:
    async def process_event(self, event: Event) -> None: ...


class AsyncGenerator:
    async def process_event(self, event: Event) -> AsyncIterator[int]:
        yield 1


class Generator:
    def process_event(self, event: Event) -> Iterator[int]:
        yield 1


class WrongFlag(EventOnly):
    stateful = "yes"


class NoTime(EventOnly):
    event_timeout = 0


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (Misspelt, "Misspelt has no method 'process_event' (did you mean 'proces_event'?)"),
        (
            Demanding,
            "Demanding.process_event wants an argument 'calibration' that it cannot get; it can take event, parameters, tick",
        ),
        (DemandingConstructor, "DemandingConstructor.__init__ wants an argument 'detector'"),
        (
            WithoutSelf,
            "WithoutSelf.process_event lacks its first argument: write 'def process_event(self, ...)'",
        ),
        (Coroutine, "Coroutine.process_event is a coroutine"),
        (AsyncGenerator, "AsyncGenerator.process_event is a coroutine"),
        (Generator, "Generator.process_event is a generator"),
        (WrongFlag, "stateful is 'yes'; it is a switch: write True or False"),
        (
            NoTime,
            "event_timeout is 0; it is the time that one event may take: write a number of seconds above 0",
        ),
    ],
)
def test_a_class_that_cannot_be_called_is_refused_when_it_is_loaded(cls: type, sentence: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        WorkerAnalysis(cls)
    assert sentence in str(refused.value)


def test_a_reducer_needs_its_main_hook_too() -> None:
    with pytest.raises(AnalysisNotFound, match="has no method 'process_result'"):
        ReducerAnalysis(EventOnly)


def test_switches_are_read_from_the_class() -> None:
    class Switched(EventOnly):
        stateful = True
        pickle_results = True

    assert (WorkerAnalysis(EventOnly).stateful, WorkerAnalysis(EventOnly).pickle_results) == (False, False)
    assert (WorkerAnalysis(Switched).stateful, WorkerAnalysis(Switched).pickle_results) == (True, True)
    assert WorkerAnalysis(EventOnly).name == f"{__name__}:EventOnly"


def test_each_run_has_an_instance_of_its_own_and_one_context() -> None:
    class Counting:
        def __init__(self, context: dict[str, int]) -> None:
            self.context = context
            self.number = 0

        def process_event(self) -> tuple[int, int]:
            self.number += 1
            self.context["all"] = self.context.get("all", 0) + 1
            return self.number, self.context["all"]

    analysis, context = WorkerAnalysis(Counting), dict[str, int]()
    for run in range(3):
        analysis.start(PARAMETERS, context)
        assert analysis.process_event(EVENT, PARAMETERS, False) == (1, run + 1)


def test_an_event_before_the_start_and_after_a_failed_start_is_refused() -> None:
    class Failing(EventOnly):
        def __init__(self, parameters: ParameterSet) -> None:
            if parameters["roi1"][0] > 5:
                raise ValueError("no")

    analysis = WorkerAnalysis(Failing)
    with pytest.raises(AnalysisError, match="got event 7 before it was started"):
        analysis.process_event(EVENT, PARAMETERS, False)
    analysis.start(PARAMETERS.replace("roi1", b"[1]"), {})
    with pytest.raises(ValueError, match="no"):
        analysis.start(PARAMETERS, {})
    with pytest.raises(AnalysisError, match="before it was started"):
        analysis.process_event(EVENT, PARAMETERS, False)


def test_the_other_hooks_of_a_worker_may_be_missing_or_leave_out_arguments() -> None:
    calls: list[Any] = []

    class Full(EventOnly):
        def get_tick_interval(self) -> float:
            return 0.5

        def finish(self, parameters: ParameterSet) -> None:
            calls.append(parameters)

        def close(self, context: dict[str, Any]) -> None:
            calls.append(context)

    bare, full = started(EventOnly), started(Full)
    bare.finish(PARAMETERS)
    bare.close({})
    assert bare.tick_interval(PARAMETERS) is None
    assert full.tick_interval(PARAMETERS) == 0.5
    full.finish(PARAMETERS)
    full.close({"socket": 1})
    assert calls == [PARAMETERS, {"socket": 1}]


def reducer(**members: Any) -> ReducerAnalysis:
    members = {"process_result": lambda self, result, parameters: (result, parameters), **members}
    analysis = ReducerAnalysis(type("Reducer", (), members))
    analysis.start(PARAMETERS, {})
    return analysis


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        (lambda self, result, parameters=None: (result, parameters), (RESULT, PARAMETERS)),
        (lambda self, result: (result,), (RESULT,)),
        (lambda self, result, *args, **kwargs: (result, *args), (RESULT, PARAMETERS)),
        (lambda self, parameters, result: (parameters, result), (PARAMETERS, RESULT)),
    ],
)
def test_a_result_is_handed_over_as_the_hook_takes_it(hook: Any, expected: tuple[object, ...]) -> None:
    assert reducer(process_result=hook).process_result(RESULT, PARAMETERS) == expected


@pytest.mark.parametrize(
    ("returned", "delay"),
    [
        (0.25, 0.25),
        (2, 2.0),
        (None, 1.0),
        (np.float32(0.5), 0.5),
        (-3, 0.0),
        (ParameterValue("t", b"4"), 4.0),
    ],
)
def test_a_timer_says_when_it_is_called_again(returned: Any, delay: float) -> None:
    assert reducer(timer=lambda self: returned).timer(PARAMETERS) == delay
    assert reducer(timer=lambda self, parameters: returned).timer(PARAMETERS) == delay


@pytest.mark.parametrize("returned", ["soon", True, float("nan"), float("inf"), [1]])
def test_a_timer_that_returns_no_time_is_told_so(returned: Any) -> None:
    with pytest.raises(
        AnalysisError, match=r"Reducer\.timer returned .*; it should return a number of seconds"
    ):
        reducer(timer=lambda self: returned).timer(PARAMETERS)


def test_a_reducer_without_timer_has_none() -> None:
    assert reducer().timer(PARAMETERS) is None
    assert not reducer().has_timer
    assert reducer(timer=lambda self: 1).has_timer


def test_what_is_published_is_the_dictionary_itself() -> None:
    class Publishing:
        def __init__(self) -> None:
            self.publish: dict[str, Any] = {"map": {}}
            self.publish_rlock = nullcontext()

        def process_result(self, result: Result) -> None:
            self.publish["map"][result.event_number] = result.payload

    analysis = ReducerAnalysis(Publishing)
    assert analysis.publish == {}
    analysis.start(PARAMETERS, {})
    published = analysis.publish
    analysis.process_result(RESULT, PARAMETERS)
    assert published == {"map": {7: {"a": 1}}}
    assert analysis.publish_rlock is not None
    assert (reducer().publish, reducer().publish_rlock) == ({}, None)


def test_what_cannot_be_published_is_told() -> None:
    with pytest.raises(AnalysisError, match=r"Reducer\.publish is of type list"):
        reducer(publish=[1]).publish  # noqa: B018
    with pytest.raises(AnalysisError, match=r"Reducer\.publish_rlock is of type int"):
        reducer(publish_rlock=5).publish_rlock  # noqa: B018


class DescribedStatic(EventOnly):
    @staticmethod
    def describe_parameters() -> list[IntParameter]:
        return [IntParameter(name="roi1-start")]


class DescribedByClass(EventOnly):
    @classmethod
    def describe_parameters(cls) -> list[IntParameter]:
        return [IntParameter(name="roi1-start")]


class DescribedPlainly(EventOnly):
    def describe_parameters() -> list[IntParameter]:  # type: ignore[misc]  # noqa: N805, RUF100
        return [IntParameter(name="roi1-start")]


class DescribedLazily(EventOnly):
    @staticmethod
    def describe_parameters() -> tuple[IntParameter, ...]:
        return (IntParameter(name="roi1-start"),)


@pytest.mark.parametrize("cls", [DescribedStatic, DescribedByClass, DescribedPlainly, DescribedLazily])
def test_parameters_are_described_in_every_usual_form(cls: type) -> None:
    assert WorkerAnalysis(cls).descriptions() == [IntParameter(name="roi1-start")]
    assert WorkerAnalysis(EventOnly).descriptions() == []


@pytest.mark.parametrize(
    ("describe", "sentence"),
    [
        (lambda self: [], "is called without arguments: write @staticmethod above it"),
        (lambda: None, "returned NoneType; it should return a list of parameters"),
        (lambda: {"a": 1}, "returned dict; it should return a list"),
        (lambda: ["roi1"], "returned a list with 'roi1' in it"),
    ],
)
def test_descriptions_that_are_none_are_told(describe: Any, sentence: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        reducer(describe_parameters=describe).descriptions()
    assert sentence in str(refused.value)


def test_an_error_inside_a_description_is_told_with_its_traceback() -> None:
    def describe() -> list[IntParameter]:
        return [int("3", "4")]  # type: ignore[call-overload]

    with pytest.raises(AnalysisError, match=r"(?s)describe_parameters failed: TypeError.*return \[int\("):
        reducer(describe_parameters=describe).descriptions()


def test_a_hook_that_takes_everything_is_called_without_any_detour() -> None:
    assert isinstance(getattr(started(All).process_event, "__self__", None), All)


def test_a_class_says_how_long_one_event_may_take_unless_that_name_is_a_method_of_its_own() -> None:
    class Slow(EventOnly):
        event_timeout = 300

    class Own(EventOnly):
        def event_timeout(self) -> float:
            return 1.0

    assert [WorkerAnalysis(cls).event_timeout for cls in (EventOnly, Slow, Own)] == [None, 300.0, None]

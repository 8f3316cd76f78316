"""The user's worker and reducer class behind a fixed set of methods.

A class may leave out every hook but its main one, and in each hook the arguments that it does not need. Exceptions of the
user's code pass through unchanged; what a hook returns is checked where the pipeline relies on it.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from numbers import Real
from typing import Any

from beamloom.analysis._errors import AnalysisError, AnalysisNotFound, user_traceback
from beamloom.analysis._feedback import GiveFeedback, attach
from beamloom.analysis._hooks import CallPlan, check_plain, hook_parameters, plan_call
from beamloom.errors import did_you_mean
from beamloom.events import Event, Result
from beamloom.parameters import Parameter, ParameterSet

CONSTRUCTOR = ("parameters", "context", "state")
WORKER_HOOKS = {
    "process_event": ("event", "parameters", "tick"),
    "get_tick_interval": ("parameters",),
    "finish": ("parameters",),
    "close": ("context",),
}
REDUCER_HOOKS = {
    "process_result": ("result", "parameters"),
    "timer": ("parameters",),
    "finish": ("parameters",),
    "close": ("context",),
    "checkpoint": ("parameters",),
    "restore": ("state", "parameters"),
}
TIMER_DEFAULT = 1.0
"""Seconds until the next call of a timer that does not say."""


class _Hooks:
    """One class, how each of its hooks is called, and the instance of the present run."""

    def __init__(self, cls: type, offers: Mapping[str, tuple[str, ...]], main: str) -> None:
        self.cls = cls
        self.name = f"{cls.__module__}:{cls.__qualname__}"
        if not callable(getattr(cls, main, None)):
            raise AnalysisNotFound(
                f"{self.name} has no method {main!r}{did_you_mean(main, vars(cls))}; it needs one"
            )
        self._plans: dict[str, CallPlan] = {}
        for hook, offered in offers.items():
            if callable(getattr(cls, hook, None)):
                check_plain(cls, hook)
                self._plans[hook] = plan_call(self.where(hook), hook_parameters(cls, hook), offered)
        self._constructor = (
            CallPlan(len(CONSTRUCTOR), ())
            if cls.__init__ is object.__init__  # type: ignore[misc]
            else plan_call(
                self.where("__init__"), hook_parameters(cls, "__init__"), CONSTRUCTOR, by_name=True
            )
        )
        self.instance: Any = None
        self.feedback = GiveFeedback()
        """What instances call to say something."""

    def where(self, hook: str) -> str:
        """The hook's name in sentences."""
        return f"{self.cls.__name__}.{hook}"

    def start(self, parameters: ParameterSet, context: dict[Any, Any], state: Any) -> None:
        self.instance = None
        self.instance = self.make(parameters, context, state)

    def make(self, parameters: ParameterSet, context: dict[Any, Any], state: Any) -> Any:
        """A new instance."""
        made = self._constructor.bind(self.cls)(parameters, context, state)
        attach(made, self.feedback)
        return made

    def adopt(self, instance: Any) -> None:
        """Go on with an instance that was made before."""
        self.instance = instance
        attach(instance, self.feedback)

    def bound(self, hook: str) -> Callable[..., Any] | None:
        """The hook of the present instance, taking all offered arguments by place; None where the class has no such hook."""
        plan = self._plans.get(hook)
        return None if plan is None or self.instance is None else plan.bind(getattr(self.instance, hook))

    def call(self, hook: str, *offered: Any) -> Any:
        bound = self.bound(hook)
        return None if bound is None else bound(*offered)

    def flag(self, attribute: str) -> bool:
        value = getattr(self.cls, attribute, False)
        if not isinstance(value, bool):
            raise AnalysisError(f"{self.name}: {attribute} is {value!r}; it is a switch: write True or False")
        return value

    def descriptions(self) -> list[Parameter]:
        describe = getattr(self.cls, "describe_parameters", None)
        if describe is None:
            return []
        where = self.where("describe_parameters")
        check_plain(self.cls, "describe_parameters")
        try:
            described = describe()
            # What is made as it is asked for may fail here, too.
            described = list(described) if isinstance(described, Iterator) else described
        # It is the user's code, which may raise anything; only an interrupt from the keyboard is not its doing.
        except (Exception, SystemExit) as error:
            if isinstance(error, TypeError) and (
                error.__traceback__ is None or error.__traceback__.tb_next is None
            ):
                raise AnalysisError(
                    f"{where} is called without arguments: write @staticmethod above it, and no 'self'"
                ) from error
            raise AnalysisError(
                f"{where} failed: {type(error).__name__}: {error}\n{user_traceback(error)}"
            ) from error
        if not isinstance(described, Iterable) or isinstance(described, str | bytes | Mapping):
            raise AnalysisError(
                f"{where} returned {type(described).__name__}; it should return a list of parameters"
            )
        parameters = list(described)
        for parameter in parameters:
            if not isinstance(parameter, Parameter):
                raise AnalysisError(
                    f"{where} returned a list with {parameter!r} in it; "
                    "it should hold parameters only, such as IntParameter(name='threshold')"
                )
        return parameters

    def seconds(self, hook: str, value: Any) -> float:
        """What a hook returned, as a time in seconds; a time that is over is 0."""
        number = getattr(value, "value", value)
        if isinstance(number, bool) or not isinstance(number, Real) or not math.isfinite(number):
            raise AnalysisError(
                f"{self.where(hook)} returned {value!r}; it should return a number of seconds"
            )
        return max(0.0, float(number))


class WorkerAnalysis:
    """The user's worker class: the map.

    Raises AnalysisNotFound where ``cls`` has no ``process_event``, AnalysisError where a hook cannot be called.
    """

    process_event: Callable[[Event, ParameterSet, bool], Any]
    """Takes the event, the parameters, and whether it is this worker's turn to tick; returns the payload of the event's result."""

    def __init__(self, cls: type) -> None:
        self._hooks = _Hooks(cls, WORKER_HOOKS, "process_event")
        self.name = self._hooks.name
        self.stateful = self._hooks.flag("stateful")
        """Whether an event's result depends on the events of the same constraint before it."""
        self.pickle_results = self._hooks.flag("pickle_results")
        """Whether results may travel as pickles."""
        self.event_timeout = self._event_timeout(cls)
        """Seconds that the class says that an event may take; None where it does not say."""
        self.combine = getattr(cls, "combine", None) is not None and self._combines(cls)
        """Whether results of several events are merged into one before they are sent."""
        self.feedback = self._hooks.feedback
        """What instances call as ``self.feedback``."""
        self.process_event = self._not_started
        self._lives: dict[int, Any] = {}
        self._life = 0
        self._context: dict[Any, Any] = {}
        self._state: Any = None

    def _event_timeout(self, cls: type) -> float | None:
        said = getattr(cls, "event_timeout", None)
        # A method of this name is the class's own: the name was free before it became a limit.
        if said is None or callable(said) or isinstance(said, property):
            return None
        if isinstance(said, bool) or not isinstance(said, int | float) or not 0 < said < math.inf:
            raise AnalysisError(
                f"{self.name}: event_timeout is {said!r}; it is the time that one event may take: write a number of seconds above 0"
            )
        return float(said)

    def _combines(self, cls: type) -> bool:
        # A method of this name is the class's own: the name was free before it became a switch.
        combine = not callable(cls.combine) and self._hooks.flag("combine")  # type: ignore[attr-defined]
        if combine and self.stateful:
            raise AnalysisError(
                f"{self.name} is both stateful and combine: when a constraint moves to another worker its results are made again one by "
                "one, and those in a merged one cannot be told apart; leave one of them out"
            )
        return combine

    def where(self, hook: str) -> str:
        """A hook's name in sentences, such as ``FluorescenceWorker.process_event``."""
        return self._hooks.where(hook)

    def descriptions(self) -> list[Parameter]:
        """The parameters that the class describes."""
        return self._hooks.descriptions()

    def start(self, parameters: ParameterSet, context: dict[Any, Any], state: Any = None) -> None:
        """Make the instance for a new run; ``context`` is the one dictionary that lives as long as the process."""
        self.process_event = self._not_started
        self._hooks.start(parameters, context, state)
        self._context, self._state = context, state
        self._lives, self._life = {0: self._hooks.instance}, 0
        self.process_event = self._hooks.bound("process_event") or self._not_started

    @property
    def instance(self) -> Any:
        """The user's object of the present run, or of the constraint that was entered last; None before it is made."""
        return self._hooks.instance

    def adopt(self, instance: Any) -> None:
        """Go on with an instance that was made before, in place of ``start``."""
        self._hooks.adopt(instance)
        self._lives, self._life = {0: instance}, 0
        self.process_event = self._hooks.bound("process_event") or self._not_started

    def enter(self, life: int, parameters: ParameterSet) -> None:
        """The next event belongs to this life of a constraint, whose instance is made if this is its first; 0: to no constraint."""
        if life == self._life:
            return
        if life not in self._lives:
            self._lives[life] = self._hooks.make(parameters, self._context, self._state)
        self._life = life
        self._hooks.instance = self._lives[life]
        self.process_event = self._hooks.bound("process_event") or self._not_started

    def end_lives(self, over: Iterable[tuple[int, int]], parameters: ParameterSet) -> None:
        """Let go of the instances of these lives: ranges of their numbers."""
        ended = [life for life in self._lives if any(first <= life < stop for first, stop in over)]
        if self._life in ended:
            self.enter(0, parameters)
        for life in ended:
            del self._lives[life]

    @property
    def lives(self) -> int:
        """How many constraints have an instance now."""
        return len(self._lives.keys() - {0})

    def tick_interval(self, parameters: ParameterSet) -> float | None:
        """Seconds between two ticks over all workers; None where the class does not tick."""
        interval = self._hooks.call("get_tick_interval", parameters)
        return None if interval is None else self._hooks.seconds("get_tick_interval", interval)

    def finish(self, parameters: ParameterSet) -> None:
        """Tell the class that the run is over: the instance that was made for it, not those of constraints."""
        if self._life:
            self.enter(0, parameters)
        self._hooks.call("finish", parameters)

    def close(self, context: dict[Any, Any]) -> None:
        """Tell the class that the process ends, to release what ``context`` holds."""
        self._hooks.call("close", context)

    def _not_started(self, event: Event, parameters: ParameterSet, tick: bool) -> Any:
        raise AnalysisError(f"{self.name} got event {event.event_number} before it was started")


class ReducerAnalysis:
    """The user's reducer class: the reduce.

    Raises AnalysisNotFound where ``cls`` has no ``process_result``, AnalysisError where a hook cannot be called.
    """

    process_result: Callable[[Result, ParameterSet], Any]
    """Takes one result and the parameters of its epoch."""

    def __init__(self, cls: type) -> None:
        self._hooks = _Hooks(cls, REDUCER_HOOKS, "process_result")
        self.name = self._hooks.name
        self.has_timer = callable(getattr(cls, "timer", None))
        self.has_checkpoint = callable(getattr(cls, "checkpoint", None)) and callable(
            getattr(cls, "restore", None)
        )
        """Whether the class can hand over its state, and go on from it in another process."""
        self.feedback = self._hooks.feedback
        """What instances call as ``self.feedback``."""
        self._combine = self._usable_combine()
        self.process_result = self._not_started

    def _usable_combine(self) -> Callable[[list[dict[Any, Any]]], dict[Any, Any]] | None:
        try:
            return self.combine
        except AnalysisError:
            # It is the class's own business, as long as it is not split.
            return None

    @property
    def combine(self) -> Callable[[list[dict[Any, Any]]], dict[Any, Any]] | None:
        """Makes what is published of what each of several instances has; None where the class leaves that to others.

        Raises AnalysisError where the class has something else of this name.
        """
        cls = self._hooks.cls
        found = inspect.getattr_static(cls, "combine", None)
        if found is None:
            return None
        where = self.where("combine")
        wanted = [one for one in hook_parameters(cls, "combine") if one.default is inspect.Parameter.empty]
        if not isinstance(found, staticmethod | classmethod) or len(wanted) != 1:
            raise AnalysisError(
                f"{where} joins what several processes publish, and belongs to no instance; write '@staticmethod' above "
                "'def combine(parts)', or give it another name"
            )
        combine: Callable[[list[dict[Any, Any]]], Any] = self._hooks.cls.combine  # type: ignore[attr-defined]

        def combined(parts: list[dict[Any, Any]]) -> dict[Any, Any]:
            tree = combine(parts)
            if not isinstance(tree, dict):
                raise AnalysisError(
                    f"{where} returned a {type(tree).__name__}; it should return the dictionary that is to be published"
                )
            return tree

        return combined

    def where(self, hook: str) -> str:
        """A hook's name in sentences, such as ``FluorescenceReducer.timer``."""
        return self._hooks.where(hook)

    def descriptions(self) -> list[Parameter]:
        """The parameters that the class describes."""
        return self._hooks.descriptions()

    def start(self, parameters: ParameterSet, context: dict[Any, Any], state: Any = None) -> None:
        """Make the instance for a new run; ``context`` is the one dictionary that lives as long as the process."""
        self.process_result = self._not_started
        self._hooks.start(parameters, context, state)
        self.process_result = self._hooks.bound("process_result") or self._not_started

    @property
    def instance(self) -> Any:
        """The user's object of the present run; None before it is made."""
        return self._hooks.instance

    def adopt(self, instance: Any) -> None:
        """Go on with an instance that was made before, in place of ``start``."""
        self._hooks.adopt(instance)
        self.process_result = self._hooks.bound("process_result") or self._not_started

    def timer(self, parameters: ParameterSet) -> float | None:
        """Call the timer; returns the seconds until its next call, None where the class has no timer."""
        if not self.has_timer:
            return None
        delay = self._hooks.call("timer", parameters)
        return TIMER_DEFAULT if delay is None else self._hooks.seconds("timer", delay)

    def checkpoint(self, parameters: ParameterSet) -> Any:
        """The state of the class, from which another instance can go on."""
        return self._hooks.call("checkpoint", parameters)

    def restore(self, state: Any, parameters: ParameterSet) -> None:
        """Go on from what ``checkpoint`` of another instance gave; to be called right after ``start``."""
        self._hooks.call("restore", state, parameters)
        # It may have taken over all attributes of the other instance.
        attach(self._hooks.instance, self._hooks.feedback)

    def finish(self, parameters: ParameterSet) -> None:
        """Tell the class that the run is over."""
        self._hooks.call("finish", parameters)

    def close(self, context: dict[Any, Any]) -> None:
        """Tell the class that the process ends, to release what ``context`` holds."""
        self._hooks.call("close", context)

    @property
    def publish(self) -> dict[Any, Any]:
        """What the class publishes: its own dictionary, not a copy, or what its ``combine`` makes of one."""
        combine = self._combine
        return self.part if combine is None else combine([copy.deepcopy(self.part)])

    @property
    def part(self) -> dict[Any, Any]:
        """What this instance has of that: its own dictionary, not a copy."""
        published = getattr(self._hooks.instance, "publish", None)
        if published is None:
            return {}
        if not isinstance(published, dict):
            raise AnalysisError(
                f"{self.where('publish')} is of type {type(published).__name__}; it should be a dictionary of what is published"
            )
        return published

    @property
    def publish_rlock(self) -> AbstractContextManager[Any] | None:
        """What readers of ``publish`` have to enter, where the class has such a lock."""
        lock = getattr(self._hooks.instance, "publish_rlock", None)
        if lock is not None and not (hasattr(lock, "__enter__") and hasattr(lock, "__exit__")):
            raise AnalysisError(
                f"{self.where('publish_rlock')} is of type {type(lock).__name__}; it should be a lock that 'with' can enter"
            )
        return lock

    def _not_started(self, result: Result, parameters: ParameterSet) -> Any:
        raise AnalysisError(
            f"{self.name} got the result of event {result.event_number} before it was started"
        )

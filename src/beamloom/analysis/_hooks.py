"""How a hook is called: with those of the offered arguments that its signature accepts.

What goes where is decided once, from the signature; calling it then costs one function call more than calling it by hand, or none.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any

from beamloom.analysis._errors import AnalysisError

BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class CallPlan:
    """Which of the offered arguments a hook gets: by place, and by keyword."""

    offered: int
    places: tuple[int, ...]
    keywords: tuple[tuple[str, int], ...] = ()

    def bind(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """A callable that takes all offered arguments by place and calls ``hook`` with what it gets."""
        if not self.keywords and self.places == tuple(range(self.offered)):
            return hook
        if usual := _USUAL.get(self):
            return usual(hook)
        places, keywords = self.places, self.keywords

        def call(*given: Any) -> Any:
            return hook(
                *[given[place] for place in places], **{name: given[place] for name, place in keywords}
            )

        return call


_PARAMETERS, _TICK = ("parameters", 1), ("tick", 2)
_USUAL: dict[CallPlan, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    CallPlan(1, ()): lambda hook: lambda one: hook(),
    CallPlan(2, ()): lambda hook: lambda one, two: hook(),
    CallPlan(2, (0,)): lambda hook: lambda one, two: hook(one),
    CallPlan(2, (0,), (_PARAMETERS,)): lambda hook: lambda one, two: hook(one, parameters=two),
    CallPlan(2, (1, 0)): lambda hook: lambda one, two: hook(two, one),
    CallPlan(3, (0,)): lambda hook: lambda one, two, three: hook(one),
    CallPlan(3, (0, 1)): lambda hook: lambda one, two, three: hook(one, two),
    CallPlan(3, (0, 2)): lambda hook: lambda one, two, three: hook(one, three),
    CallPlan(3, (0, 2, 1)): lambda hook: lambda one, two, three: hook(one, three, two),
    CallPlan(3, (0, 1), (_TICK,)): lambda hook: lambda one, two, three: hook(one, two, tick=three),
    CallPlan(3, (0,), (_TICK,)): lambda hook: lambda one, two, three: hook(one, tick=three),
    CallPlan(3, (0,), (_PARAMETERS,)): lambda hook: lambda one, two, three: hook(one, parameters=two),
    CallPlan(3, (0,), (_PARAMETERS, _TICK)): (
        lambda hook: lambda one, two, three: hook(one, parameters=two, tick=three)
    ),
}
"""The usual plans as direct calls: they are made once per event, and going through ``call`` costs 0.7 us."""


def plan_call(
    where: str, parameters: Sequence[Parameter], offered: Sequence[str], *, by_name: bool = False
) -> CallPlan:
    """How a hook with these parameters gets the ``offered`` arguments, which are in the order in which a hook usually takes them.

    A parameter with the name of an offer gets that offer. One with a name of its own gets what stands at its place, unless another
    parameter asks for that by name. ``*args`` takes what is left, in order, and so does ``**kwargs`` where there is no ``*args``.
    With ``by_name``, as constructors are called, a parameter with a name and a default of its own keeps its default, and
    ``**kwargs`` comes before ``*args``. Raises AnalysisError where a parameter cannot be served.
    """
    taken = {p.name for p in parameters if p.kind in (*BY_PLACE, Parameter.KEYWORD_ONLY)} & set(offered)
    places: list[int] = []
    keywords: list[tuple[str, int]] = []
    skipped = False
    for place, parameter in enumerate(parameters):
        if parameter.kind not in (*BY_PLACE, Parameter.KEYWORD_ONLY):
            continue
        source = _source(parameter, place, offered, taken, by_name)
        if source is None:
            if parameter.default is Parameter.empty:
                raise AnalysisError(
                    f"{where} wants an argument {parameter.name!r} that it cannot get; it can take {', '.join(offered)}"
                )
            skipped = True
        elif parameter.kind is Parameter.KEYWORD_ONLY or (
            skipped and parameter.kind is not Parameter.POSITIONAL_ONLY
        ):
            keywords.append((parameter.name, source))
        elif not skipped:
            places.append(source)
    left = sorted(set(range(len(offered))) - set(places) - {source for _, source in keywords})
    kinds = {parameter.kind for parameter in parameters}
    takes_keywords = Parameter.VAR_KEYWORD in kinds
    if Parameter.VAR_POSITIONAL in kinds and not skipped and not (by_name and takes_keywords):
        places += left
    elif takes_keywords:
        keywords += [(offered[place], place) for place in left]
    return CallPlan(len(offered), tuple(places), tuple(sorted(keywords, key=lambda keyword: keyword[1])))


def _source(
    parameter: Parameter, place: int, offered: Sequence[str], taken: set[str], by_name: bool
) -> int | None:
    if parameter.name in offered:
        return offered.index(parameter.name)
    if parameter.kind is Parameter.KEYWORD_ONLY or (by_name and parameter.default is not Parameter.empty):
        return None
    return place if place < len(offered) and offered[place] not in taken else None


def hook_parameters(cls: type, hook: str) -> list[Parameter]:
    """The parameters of a hook as its caller sees them: without ``self``."""
    try:
        signature: Signature = inspect.signature(getattr(cls, hook))
    except (ValueError, TypeError):
        return [Parameter("args", Parameter.VAR_POSITIONAL)]
    parameters = list(signature.parameters.values())
    raw = inspect.getattr_static(cls, hook)
    of_instance = hasattr(type(raw), "__get__") and not isinstance(raw, staticmethod | classmethod)
    if of_instance and parameters and parameters[0].kind in BY_PLACE:
        return parameters[1:]
    if of_instance and not parameters:
        raise AnalysisError(f"{cls.__name__}.{hook} lacks its first argument: write 'def {hook}(self, ...)'")
    return parameters


def check_plain(cls: type, hook: str) -> None:
    """Raise AnalysisError where a hook is a coroutine or a generator: it would be called and never run."""
    function = getattr(cls, hook)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise AnalysisError(
            f"{cls.__name__}.{hook} is a coroutine; hooks are plain functions: write 'def' without 'async'"
        )
    if inspect.isgeneratorfunction(function):
        raise AnalysisError(
            f"{cls.__name__}.{hook} is a generator; hooks return one value: write 'return' instead of 'yield'"
        )

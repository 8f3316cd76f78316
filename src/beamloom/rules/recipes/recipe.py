"""Reads a recipe and checks it as a whole, before anything runs: each mistake is a sentence with its line.

A recipe is a list of mappings with one key each, the module's name, and below it the module's arguments. The order of the list does not
matter: a module runs when what it takes is made.
"""

from __future__ import annotations

import dataclasses
import graphlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from beamloom.located_yaml import FileError, Key, Located, Problem, parse_yaml
from beamloom.rules.errors import RecipeRefused, RuleRefused, closest
from beamloom.rules.recipes.registry import Module, find_module, snake
from beamloom.rules.recipes.values import said

LOADED: Final = ("localizations", "FitResults", "Events")
"""Names that the file of the input ``input`` may bring beside ``input`` itself."""
IGNORED: Final = frozenset({"scheme"})
"""Arguments that say where PYME writes; here the path says it."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One module of a recipe."""

    module: Module
    line: int
    inputs: Mapping[str, Mapping[str, str]]
    """For each argument: what the function calls it, and its name in the recipe."""
    outputs: Mapping[str, str]
    """For each argument the name of what is made."""
    parameters: Mapping[str, Any]
    pattern: str
    """Of the file that it writes."""

    @property
    def written(self) -> str:
        """What its file is known by: the name of the first that it takes."""
        return next((name for name, _ in self.takes()), self.module.name)

    def takes(self) -> list[tuple[str, type]]:
        """Names and kinds of all that it takes."""
        return [
            (name, self.module.inputs[argument])
            for argument, names in self.inputs.items()
            for name in names.values()
        ]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A recipe that is in order; its steps are in an order in which they can run."""

    text: str
    steps: Sequence[Step]
    needs: Mapping[str, type]
    """Names that no module makes: the inputs, and their kinds."""

    def outputs(self) -> dict[str, str]:
        """Patterns of the files that are written, each by the name of what is written; ``results`` where there is one alone."""
        writing = [step for step in self.steps if step.pattern]
        if len(writing) == 1:
            return {"results": writing[0].pattern}
        return {step.written: step.pattern for step in writing}


def read_recipe(path: Path, inputs: Iterable[str] | None = None) -> Recipe:
    """The recipe in a file; ``inputs`` as ``parse_recipe`` has them. Raises RecipeRefused."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeRefused(
            f"the recipe {path} cannot be read ({error.strerror}); give the path of a YAML file"
        ) from error
    except UnicodeDecodeError as error:
        raise RecipeRefused(f"the recipe {path} cannot be read: it is not UTF-8 text") from error
    return parse_recipe(text, str(path), inputs)


def parse_recipe(text: str, name: str = "recipe", inputs: Iterable[str] | None = None) -> Recipe:
    """The recipe in ``text``; ``name`` is for errors, ``inputs`` are the keys of the files that it will be given, where they are known.

    Raises RecipeRefused with one line for each mistake.
    """
    try:
        located = parse_yaml(text, name)
    except FileError as error:
        raise RecipeRefused(str(error)) from error
    problems: list[Problem] = []
    steps = _steps(located, problems)
    makers = _makers(steps, problems)
    _check_kinds(steps, makers, problems)
    needs = {taken: kind for step in steps for taken, kind in step.takes() if taken not in makers}
    if inputs is not None:
        _check_inputs(steps, makers, set(inputs), problems)
    ordered = _ordered(steps, makers, problems)
    if problems:
        raise RecipeRefused(
            "\n".join(f"{name}:{problem.line}: {problem.text}" for problem in sorted(problems))
        )
    return Recipe(text, ordered, needs)


def _steps(located: Located, problems: list[Problem]) -> list[Step]:
    if not isinstance(located.value, list):
        problems.append(
            Problem(located.line, "a recipe is a list of modules: '- module.Name:' and its arguments")
        )
        return []
    steps = []
    for item in located.value:
        if not isinstance(item.value, dict) or len(item.value) != 1:
            problems.append(
                Problem(item.line, "one module is '- module.Name:' with its arguments below, further in")
            )
            continue
        ((key, given),) = item.value.items()
        try:
            found = find_module(key.text)
        except RuleRefused as error:
            problems.append(Problem(key.line, str(error)))
            continue
        arguments = given.value if isinstance(given.value, dict) else {}
        steps.append(_step(found, key, arguments, problems))
    return steps


def _step(module: Module, key: Key, given: Mapping[Key, Located], problems: list[Problem]) -> Step:
    pattern_argument = "file_pattern" if module.file else ""
    known = {*module.inputs, *module.outputs, *module.parameters, *filter(None, [pattern_argument])}
    arguments: dict[str, Located] = {}
    for written, value in given.items():
        argument = written.text if written.text in known else snake(written.text)
        if argument in known:
            arguments[argument] = value
        elif argument not in IGNORED:
            problems.append(
                Problem(written.line, f"{module.name} takes no {written.text!r}{closest(argument, known)}")
            )
    required = [*module.inputs, *module.outputs, *filter(None, [pattern_argument])]
    required += [
        name for name, (_, default) in module.parameters.items() if default is inspect.Parameter.empty
    ]
    for name in required:
        if name not in arguments:
            problems.append(Problem(key.line, f"{module.name} needs {name!r}"))
    parameters = {}
    for name, (kind, _) in module.parameters.items():
        if name in arguments:
            parameters[name] = _converted(module, name, kind, arguments[name], problems)
    return Step(
        module,
        key.line,
        {
            name: _names(module, name, arguments[name], problems)
            for name in module.inputs
            if name in arguments
        },
        {name: str(arguments[name].plain()) for name in module.outputs if name in arguments},
        parameters,
        str(arguments[pattern_argument].plain()) if pattern_argument in arguments else "",
    )


def _converted(module: Module, name: str, kind: Any, value: Located, problems: list[Problem]) -> Any:
    try:
        return msgspec.convert(value.plain(), kind)
    except msgspec.ValidationError as error:
        problems.append(Problem(value.line, f"{name!r} of {module.name}: {str(error).lower()}"))
        return None


def _names(module: Module, argument: str, value: Located, problems: list[Problem]) -> dict[str, str]:
    """What the function calls each input, and its name in the recipe."""
    plain = value.plain()
    if argument in module.several and isinstance(plain, dict):
        return {str(called): str(name) for name, called in plain.items()}
    if argument in module.several and isinstance(plain, list):
        return {str(name): str(name) for name in plain}
    if not isinstance(plain, str):
        problems.append(
            Problem(value.line, f"{argument!r} of {module.name} is the name of something made, not {plain!r}")
        )
        return {}
    return {plain if argument in module.several else argument: plain}


def _makers(steps: Sequence[Step], problems: list[Problem]) -> dict[str, Step]:
    makers: dict[str, Step] = {}
    for step in steps:
        for name in step.outputs.values():
            if name in makers:
                problems.append(
                    Problem(
                        step.line,
                        f"{name!r} is made here, and in line {makers[name].line} already; name one of them otherwise",
                    )
                )
            makers.setdefault(name, step)
    return makers


def _check_kinds(steps: Sequence[Step], makers: Mapping[str, Step], problems: list[Problem]) -> None:
    for step in steps:
        for name, wanted in step.takes():
            maker = makers.get(name)
            made = (
                next(
                    (
                        kind
                        for argument, kind in maker.module.outputs.items()
                        if maker.outputs.get(argument) == name
                    ),
                    None,
                )
                if maker
                else None
            )
            if made is not None and made is not wanted:
                problems.append(
                    Problem(
                        step.line, f"{step.module.name} takes {said(wanted)}, and {name!r} is {said(made)}"
                    )
                )


def _check_inputs(
    steps: Sequence[Step], makers: Mapping[str, Step], keys: set[str], problems: list[Problem]
) -> None:
    for step in steps:
        for name, _ in step.takes():
            brought = name in keys or any(name.startswith(f"{key}_") for key in keys)
            if name not in makers and not brought and not ("input" in keys and name in LOADED):
                known = {*makers, *keys}
                problems.append(
                    Problem(
                        step.line,
                        f"{step.module.name} takes {name!r}, which no module makes{closest(name, known)} and which is no input; "
                        f"the inputs are: {', '.join(sorted(keys)) or 'none'}",
                    )
                )


def _ordered(steps: Sequence[Step], makers: Mapping[str, Step], problems: list[Problem]) -> list[Step]:
    """Steps after those that make what they take, else in the order of the recipe."""
    places = {id(step): place for place, step in enumerate(steps)}
    graph = {
        place: {places[id(makers[name])] for name, _ in step.takes() if name in makers}
        for place, step in enumerate(steps)
    }
    sorter = graphlib.TopologicalSorter(graph)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        circle = [steps[place] for place in error.args[1]]
        way = " needs ".join(f"{step.module.name} (line {step.line})" for step in reversed(circle))
        problems.append(Problem(circle[0].line, f"the modules go round in a circle: {way}"))
        return list(steps)
    ordered = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered += ready
        sorter.done(*ready)
    return [steps[place] for place in ordered]

"""Runs a recipe that is in order on one set of files. The same in a rule, in a script and in a notebook."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from beamloom.rules.errors import RuleError
from beamloom.rules.provenance import provenance
from beamloom.rules.recipes.loading import load
from beamloom.rules.recipes.recipe import Recipe, Step
from beamloom.rules.recipes.saving import with_outputs
from beamloom.rules.recipes.values import Image, Table, said
from beamloom.rules.templates import fill


def run_recipe(
    recipe: Recipe,
    inputs: Mapping[str, str | Path],
    output_dir: str | Path = "",
    *,
    context: Mapping[str, Any] | None = None,
    outputs: Mapping[str, str | Path] | None = None,
    write: Callable[[str, Path], Path] | None = None,
    asked: Mapping[str, str] | None = None,
) -> dict[str, Table | Image]:
    """All that the recipe makes, by name; its files are written.

    Patterns of files can name ``output_dir`` (by default the folder of the first input), ``file_stub`` and ``input_dir`` of the first
    input, and what ``context`` has. ``outputs`` has other files for what the recipe writes, and files for what else it makes, by the
    names of these. ``write`` says where a file is written: by default where its pattern says. ``asked``: the names of the inputs before
    one of them was taken by another file (``cell.h5r`` of ``cell_1.h5r``): these are what patterns name, so that rules that follow find
    what they expect. Raises RuleError, OSError, and what modules raise, each with the module and its line as a note.
    """
    paths = {key: str(path) for key, path in inputs.items()}
    known = file_context(asked or paths, output_dir, context or {})
    there: dict[str, Table | Image] = load(paths)
    about = {**provenance("recipe", recipe.text), "beamloom.inputs": paths}
    for step in with_outputs(recipe, outputs or {}).steps:
        try:
            _run(step, there, known, about, write)
        except Exception as error:
            where = (
                f"line {step.line} of the recipe" if step.line else "which was asked for beside the recipe"
            )
            error.add_note(f"in {step.module.name}, {where}")
            raise
    return there


def file_context(
    inputs: Mapping[str, str], output_dir: str | Path, context: Mapping[str, Any]
) -> dict[str, Any]:
    """The names that patterns of files can have."""
    first = Path(inputs.get("input") or next(iter(inputs.values()), "input"))
    return {
        **context,
        "output_dir": str(output_dir or first.parent),
        "input_dir": str(first.parent),
        "file_stub": first.stem,
    }


def _run(
    step: Step,
    there: dict[str, Table | Image],
    known: Mapping[str, Any],
    about: Mapping[str, Any],
    write: Callable[[str, Path], Path] | None,
) -> None:
    arguments: dict[str, Any] = dict(step.parameters)
    for argument, names in step.inputs.items():
        found = {called: _one(there, name, step.module.inputs[argument]) for called, name in names.items()}
        arguments[argument] = found if argument in step.module.several else found[argument]
    if step.module.file:
        requested = Path(fill(step.pattern, known)).absolute()
        arguments[step.module.file] = _target(step, requested, write)
        for argument in step.inputs:
            arguments[argument] = _told(arguments[argument], about)
    made = step.module.function(**arguments)
    results = made if isinstance(made, tuple) else (made,)
    there |= dict(zip(step.outputs.values(), results, strict=False))


def _one(there: Mapping[str, Table | Image], name: str, kind: type) -> Table | Image:
    if name not in there:
        raise RuleError(f"there is no {name!r}; the inputs have brought: {', '.join(there)}")
    found = there[name]
    if not isinstance(found, kind):
        raise RuleError(f"{name!r} is {said(type(found))}, and {said(kind)} is wanted")
    return found


def _target(step: Step, requested: Path, write: Callable[[str, Path], Path] | None) -> Path:
    if write is not None:
        return write(step.written, requested)
    requested.parent.mkdir(parents=True, exist_ok=True)
    return requested


def _told(value: Any, about: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _told(one, about) for name, one in value.items()}
    return dataclasses.replace(value, about={**value.about, **about})

"""Makes the steps that a description means, ready for an engine. Nothing is pushed, so that a description can be checked by itself.

Whatever a description says is looked at before anything of it is opened: the kind of the rule, its arguments, and where its paths lead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from beamloom.rules.api.localisation import LocalisationRule
from beamloom.rules.api.names import local
from beamloom.rules.api.options import OPTIONS, Options
from beamloom.rules.api.recipe_rule import RecipeRule
from beamloom.rules.api.rule import Rule
from beamloom.rules.errors import RuleError, RuleRefused, closest
from beamloom.rules.places import check, check_pattern
from beamloom.rules.spec import Link, StepSpec
from beamloom.rules.templates import fill
from beamloom.rules.written.description import Description, WrittenStep
from beamloom.rules.written.types import NamedFunction, RuleTypes, arguments_of

READ_WHEN_MADE: Final = ("recipeURI", "series", "seriesName", "spool_dir")
"""Arguments by which a rule looks at files as soon as it is made."""


class Written(msgspec.Struct, frozen=True):
    """Steps as an engine takes them."""

    specs: list[StepSpec]
    links: list[Link]
    rules: list[Any]
    """For each step the object whose hooks are called."""


def build(
    description: Description, types: RuleTypes, folder: Path, *, below: Sequence[str], owner: str = ""
) -> Written:
    """The steps of ``description``.

    ``folder``: that of the engine; ``below``: the folders in and below which alone they read and write, none: anywhere; ``owner``: whose
    they are, where the description does not say. Raises RuleRefused with what is wrong, and where.
    """
    rules: list[Rule] = []
    specs: list[StepSpec] = []
    links: list[Link] = []
    for place, step in enumerate(description.steps):
        try:
            parents = [rules[one] for one in step.after]
            rule = _rule(step, types, _context(description, parents), below)
            rule.prepare()
            specs.append(_spec(rule, folder, below, owner))
        except RuleError as error:
            raise RuleRefused(f"{step.where}{error}") from error
        except Exception as error:  # constructors take anything; what they make of it is told
            raise RuleRefused(
                f"{step.where}a {step.rule} cannot be made of this: {type(error).__name__}: {error}"
            ) from error
        rules.append(rule)
        links += [Link(parent, place, step.condition) for parent in step.after]
    return Written(specs, links, rules)


def _context(description: Description, parents: Sequence[Rule]) -> dict[str, Any]:
    """What a step is offered: the description's own context, and what the steps before have found out."""
    context = dict(description.context)
    outputs: dict[str, str] = {}
    for parent in parents:
        context = {**parent.offered(), **context}
        outputs |= parent.output_files
    return {**context, "rule_outputs": outputs} if parents else context


def _rule(step: WrittenStep, types: RuleTypes, context: dict[str, Any], below: Sequence[str]) -> Rule:
    kind = types.find(step.rule)
    _check_arguments(step, kind)
    options = {key: value for key, value in step.arguments.items() if key in OPTIONS}
    given = {key: value for key, value in step.arguments.items() if key not in OPTIONS}
    given |= _inputs(step, kind) | _outputs(step, kind)
    arguments = {**context, **given}
    for name in READ_WHEN_MADE:
        if name in arguments:
            arguments[name] = _looked_at(arguments[name], context, below)
    return kind(**arguments, **_options(options))


def _looked_at(value: Any, context: Mapping[str, Any], below: Sequence[str]) -> Any:
    """A path, or what describes a series with its path; templates filled, and checked before anything is opened. Raises RuleRefused."""
    if isinstance(value, Mapping):
        if "/" in str(value.get("end", "")):
            raise RuleRefused("the end of a series is the name of a file beside it, without a folder")
        return {**value, "path": _looked_at(value["path"], context, below)} if "path" in value else value
    if not isinstance(value, str):
        return value
    path = fill(value, context)
    check(local(path), below)
    return path


def _check_arguments(step: WrittenStep, kind: type[Rule]) -> None:
    known = arguments_of(kind)
    for name in step.arguments:
        if name not in known:
            raise RuleRefused(
                f"a {step.rule} takes no argument {name!r}{closest(name, known)}; names for templates belong under context, and it takes: "
                + ", ".join(sorted(known))
            )


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the types that they have to have. Raises RuleRefused."""
    try:
        checked = msgspec.convert(options, Options)
    except msgspec.ValidationError as error:
        raise RuleRefused(f"one of the options is wrong: {error}") from error
    return {name: getattr(checked, name) for name in options}


def _inputs(step: WrittenStep, kind: type[Rule]) -> dict[str, Any]:
    if not step.inputs:
        return {}
    if issubclass(kind, RecipeRule):
        return {"input_templates": step.inputs}
    series = "seriesName" if issubclass(kind, LocalisationRule) else "series"
    if set(step.inputs) != {"series"}:
        raise RuleRefused(f"the one input of a {step.rule} is called 'series', and is a path")
    return {series: step.inputs["series"]}


def _outputs(step: WrittenStep, kind: type[Rule]) -> dict[str, Any]:
    if not step.outputs:
        return {}
    if issubclass(kind, RecipeRule):
        raise RuleRefused("a recipe names its files itself; say where they go with the argument output_dir")
    if issubclass(kind, LocalisationRule):
        if set(step.outputs) != {"results"}:
            raise RuleRefused("the one output of a localisation is called 'results'")
        return {"resultsFilename": step.outputs["results"]}
    return {"outputs": step.outputs}


def _spec(rule: Rule, folder: Path, below: Sequence[str], owner: str) -> StepSpec:
    """The step of a rule, as it will come out of the ledger. Raises RuleRefused."""
    if "owner" not in rule.options:
        rule.options["owner"] = owner
    spec = msgspec.structs.replace(rule.spec(folder), below=list(below))
    if isinstance(rule, NamedFunction):
        spec = msgspec.structs.replace(spec, kind=type(rule).__name__)
    try:
        spec = msgspec.json.decode(msgspec.json.encode(spec), type=StepSpec)
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise RuleRefused(f"its values cannot be kept: {error}") from error
    _check_paths(spec, folder, below)
    return spec


def _check_paths(spec: StepSpec, folder: Path, below: Sequence[str]) -> None:
    if "path" in spec.source:
        check(spec.source["path"], below)
    for path in spec.outputs.values():
        check(path, below)
    if folder not in Path(spec.work).parents:
        check(spec.work, below)
    if output_dir := spec.parameters.get("output_dir"):
        check(output_dir, below)
    for given in spec.parameters.get("inputs", {}).values() if spec.resolve else ():
        for path in given if isinstance(given, list) else [given]:
            check_pattern(path, below)

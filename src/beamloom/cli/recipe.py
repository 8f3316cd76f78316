"""Run a recipe of the rules by itself, check one, or show which modules there are.

A recipe is a YAML list of modules, wired by the names of what they make. 'run' does with one set of files what a rule does with each;
'check' finds every mistake, with its line, and shows the wiring; 'modules' lists what can stand in a recipe.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from beamloom.errors import UsageError, UserError

if TYPE_CHECKING:
    from beamloom.rules.recipes import Recipe

EXAMPLE = """\
beamloom recipe check measure_blobs.yaml
beamloom recipe run render_image.yaml --input input=cell.h5r --output rendered=cell.tif
beamloom recipe run measure_blobs.yaml --input input=cell.tif --output-dir results
beamloom recipe modules filters.GaussianFilter"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is done, and with which recipe."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="run|check|modules")
    run = actions.add_parser("run", help="run a recipe on files", allow_abbrev=False)
    check = actions.add_parser("check", help="find mistakes, and show the wiring", allow_abbrev=False)
    modules = actions.add_parser("modules", help="list the modules, or describe some", allow_abbrev=False)
    for action in (run, check):
        action.add_argument("recipe", metavar="RECIPE", type=Path, help="a YAML file")
        says = "where something that the recipe makes is written; by default where the recipe says"
        _add_several(action, "--output", "outputs", "NAME=FILE", says)
    says = "a file that the recipe takes, by its name there; FILE alone is 'input'"
    _add_several(run, "--input", "inputs", "NAME=FILE", says)
    says = "a name that a file will bring (default: whatever no module makes)"
    _add_several(check, "--input", "inputs", "NAME", says)
    run.add_argument(
        "--output-dir",
        default="",
        metavar="FOLDER",
        help="what {{output_dir}} is (default: the first input's folder)",
    )
    says = "another name that the recipe's file names may have in braces"
    _add_several(run, "--set", "context", "NAME=TEXT", says)
    run.add_argument("--overwrite", action="store_true", help="replace files that are there")
    modules.add_argument(
        "names", metavar="MODULE", nargs="*", help="modules to describe (default: all, listed)"
    )


def _add_several(parser: argparse.ArgumentParser, flag: str, dest: str, metavar: str, says: str) -> None:
    parser.add_argument(flag, dest=dest, metavar=metavar, action="append", default=[], help=says)


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    if arguments.action == "modules":
        _modules(arguments.names)
    elif arguments.action == "check":
        _check(arguments.recipe, arguments.inputs, _pairs(arguments.outputs, "--output"))
    else:
        _run(arguments)
    return 0


def _run(arguments: argparse.Namespace) -> None:
    from beamloom.rules.recipes import WholeFiles, read_recipe, run_recipe

    inputs = _pairs(arguments.inputs, "--input", alone="input")
    outputs = _pairs(arguments.outputs, "--output")
    recipe = read_recipe(arguments.recipe, set(inputs) or None)
    if recipe.needs and not inputs:
        wanted = " ".join(f"--input {name}=FILE" for name in recipe.needs)
        raise UsageError(f"{arguments.recipe} takes files; give them as {wanted}")
    for name, file in inputs.items():
        if not Path(file).is_file():
            raise UsageError(f"there is no file {file} for the input {name!r}")
    files = WholeFiles(overwrite=arguments.overwrite)
    try:
        with files.together():
            run_recipe(
                recipe,
                inputs,
                arguments.output_dir,
                context=_pairs(arguments.context, "--set"),
                outputs=outputs,
                write=files.write,
            )
    # A module may be anybody's.
    except Exception as error:
        raise _told(arguments.recipe, error) from error
    for path in files.paths:
        print(path)
    if not files.paths:
        made = ", ".join(name for step in recipe.steps for name in step.outputs.values())
        print(
            f"nothing was written: the recipe has no output; save what it makes by --output NAME=FILE ({made})"
        )


def _told(recipe: Path, error: Exception) -> UserError:
    """The error of a module, with the module and its line."""
    own = isinstance(error, UserError | OSError)
    sentence = str(error) if own else f"{type(error).__name__}: {error}"
    kind = UsageError if getattr(error, "exit_status", 1) == UsageError.exit_status else UserError
    return kind("; ".join([f"{recipe}: {sentence}", *getattr(error, "__notes__", [])]))


def _check(path: Path, inputs: Sequence[str], outputs: dict[str, str]) -> None:
    from beamloom.rules.recipes import read_recipe, with_outputs

    names = {name.partition("=")[0] for name in inputs}
    recipe = with_outputs(read_recipe(path, names or None), outputs)
    count = len(recipe.steps)
    print(f"{path}: {count} {'module' if count == 1 else 'modules'}, in the order in which they run")
    print("\n".join(f"  {line}" for line in _wiring(recipe)))
    print(
        "takes: " + (", ".join(f"{name} ({_kind(kind)})" for name, kind in recipe.needs.items()) or "nothing")
    )


def _wiring(recipe: Recipe) -> list[str]:
    rows = []
    for step in recipe.steps:
        takes = ", ".join(f"{name} ({_kind(kind)})" for name, kind in step.takes())
        makes = [f"{name} ({_kind(step.module.outputs[a])})" for a, name in step.outputs.items()]
        makes += [step.pattern] if step.pattern else []
        rows.append(
            (f"line {step.line}" if step.line else "--output", step.module.name, takes, ", ".join(makes))
        )
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(3)]
    return [
        f"{line:<{widths[0]}}  {module:<{widths[1]}}  {takes:<{widths[2]}} -> {makes}"
        for line, module, takes, makes in rows
    ]


def _modules(names: Sequence[str]) -> None:
    from beamloom.rules.recipes import module_names
    from beamloom.rules.recipes.registry import Module, find_module

    if not names:
        found = [find_module(name) for name in module_names()]
        width = max(len(module.name) for module in found)
        print("\n".join(f"{module.name:<{width}}  {module.summary}" for module in found))
    for name in names:
        module: Module = find_module(name)
        print(f"{module.name}: {module.summary}")
        print("\n".join(f"  {line}" for line in module.arguments()))


def _kind(kind: type) -> str:
    return kind.__name__.lower()


def _pairs(words: Sequence[str], flag: str, alone: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals and alone:
            name, value = alone, word
        if not name or not value:
            raise UsageError(f"{flag} {word!r} is not of the form NAME=VALUE")
        if name in found:
            raise UsageError(f"{flag} names {name!r} twice")
        found[name] = value
    return found

"""Checks the rules of a pipeline file against its streams, its recording and their recipes, each problem at its own line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from beamloom.errors import did_you_mean
from beamloom.located_yaml import Key, Located
from beamloom.pipeline_file._check import Checker
from beamloom.settings import RunRule


def check_rules(checker: Checker, root: Located, folder: Path) -> None:
    """Note names that are given twice, streams that are not there or not recorded, and all that is wrong with recipes."""
    listed = _under(root, "rules")
    if listed is None or not isinstance(listed.value, list):
        return
    streams = _under(root, "streams")
    known = [key.text for key in streams.value] if streams and isinstance(streams.value, dict) else []
    recorded = _under(root, "recording") is not None
    names: dict[str, int] = {}
    for rule in listed.value:
        if not isinstance(rule.value, dict):
            continue
        name = _under(rule, "name")
        if name is not None and isinstance(name.value, str):
            if name.value in names:
                checker.note(
                    name.line,
                    f"a rule is called {name.value!r} already in line {names[name.value]}; name one otherwise",
                )
            names.setdefault(name.value, name.line)
        _check_streams(checker, rule, known, recorded=recorded)
        for recipe, inputs in _recipes(rule):
            _check_recipe(checker, recipe, inputs, folder)


def with_absolute_recipes(rule: RunRule, folder: Path) -> RunRule:
    """The same rule; recipes are found from anywhere."""
    recipe = None if rule.recipe is None else str((folder / rule.recipe).resolve())
    return msgspec.structs.replace(
        rule, recipe=recipe, on_completion=tuple(_absolute(one, folder) for one in rule.on_completion)
    )


def _absolute(written: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    made = dict(written)
    if isinstance(made.get("recipe"), str):
        made["recipe"] = str((folder / made["recipe"]).resolve())
    following = made.get("on_completion")
    if isinstance(following, list):
        made["on_completion"] = [_absolute(one, folder) for one in following if isinstance(one, dict)]
    elif isinstance(following, dict):
        made["on_completion"] = _absolute(following, folder)
    return made


def _check_streams(checker: Checker, rule: Located, known: list[str], *, recorded: bool) -> None:
    stream, inputs = _under(rule, "stream"), _under(rule, "inputs")
    if stream is not None and isinstance(stream.value, str) and known and stream.value not in known:
        checker.note(
            stream.line,
            f"there is no stream {stream.value!r}{did_you_mean(stream.value, known)}; the streams of this file are {', '.join(known)}",
        )
    given = inputs.value.values() if inputs and isinstance(inputs.value, dict) else ()
    reads = [stream] if stream else [one for one in given if one.value in known]
    if reads and not recorded:
        checker.note(
            reads[0].line,
            f"the rule reads the recording of the stream {reads[0].value!r}, and nothing is recorded; "
            "add 'recording: {prefix: recordings/}' to the file",
        )


def _recipes(rule: Located) -> Iterator[tuple[Located, set[str] | None]]:
    """The recipes of a rule and of those that follow it, and the names of their inputs where these are known."""
    recipe, inputs = _under(rule, "recipe"), _under(rule, "inputs")
    if recipe is not None and isinstance(recipe.value, str):
        keys = {key.text for key in inputs.value} if inputs and isinstance(inputs.value, dict) else None
        yield recipe, keys
    following = _under(rule, "on_completion")
    nested = following.value if following and isinstance(following.value, list) else [following]
    for one in nested:
        if one is not None and isinstance(one.value, dict):
            yield from _recipes(one)


def _check_recipe(checker: Checker, recipe: Located, inputs: set[str] | None, folder: Path) -> None:
    from beamloom.rules.errors import RuleError  # pipelines without rules need none of it
    from beamloom.rules.recipes import parse_recipe

    try:
        parse_recipe((folder / recipe.value).read_text(encoding="utf-8"), recipe.value, inputs or None)
    except (OSError, UnicodeDecodeError) as error:
        checker.note(recipe.line, f"the recipe {folder / recipe.value} cannot be read: {error}")
    except RuleError as error:
        for line in str(error).splitlines():
            checker.note(recipe.line, line)


def _under(item: Located, name: str) -> Located | None:
    found: Located | None = item.value.get(Key(name, 0)) if isinstance(item.value, dict) else None
    return found

"""Runs a recipe for one set of inputs, and finds out, when a rule starts, which sets there are."""

from __future__ import annotations

import functools
import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beamloom.rules.errors import RuleRefused
from beamloom.rules.places import check
from beamloom.rules.recipes import Recipe, parse_recipe, run_recipe
from beamloom.rules.sources.recording import recorded
from beamloom.rules.tasks.chunk import Chunk


def resolve(parameters: Mapping[str, Any], renamed: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    """The files of each input, in order, and how many sets they are. ``renamed``: files that rules before wrote under another name.

    Raises RuleRefused where a pattern finds nothing, or inputs are not equally many, and OSError, to be asked again, while a recording that
    is an input still grows.
    """
    found = {key: _files(key, given, renamed) for key, given in parameters["inputs"].items()}
    counts = {key: len(files) for key, files in found.items() if len(files) != 1}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{key} {count}" for key, count in counts.items())
        raise RuleRefused(f"inputs belong together one by one, and these are not equally many: {told}")
    count = next(iter(counts.values()), 1)
    asked = {
        key: given if isinstance(given, list) else found[key] for key, given in parameters["inputs"].items()
    }
    return {"inputs": _one_each(found, count), "asked": _one_each(asked, count)}, count


def cook(chunk: Chunk, parameters: Mapping[str, Any]) -> None:
    """Runs the recipe for each set of inputs in the chunk; its files get their names when the chunk counts."""
    for item in range(chunk.start, chunk.stop):
        inputs = {key: files[item] for key, files in chunk.resolved["inputs"].items()}
        for path in inputs.values():
            check(path, chunk.below)
        run_recipe(
            _parsed(parameters["recipe"]),
            inputs,
            parameters["output_dir"],
            context=parameters["context"],
            asked={key: files[item] for key, files in chunk.resolved["asked"].items()},
            write=chunk.desk.write,
        )


def _one_each(files: Mapping[str, list[str]], count: int) -> dict[str, list[str]]:
    return {key: paths * count if len(paths) == 1 else paths for key, paths in files.items()}


def _files(key: str, given: str | list[str], renamed: Mapping[str, str]) -> list[str]:
    if isinstance(given, list):
        for path in given:
            series = recorded(path)
            if series is not None and not series.closed():
                raise OSError(f"the recording {path} is not complete yet; it is waited for")
        return [renamed.get(path, path) for path in given]
    files = sorted(path for path in glob.glob(given, recursive=True) if Path(path).is_file())
    if not files:
        raise RuleRefused(f"no file is found for the input {key!r}: {given}")
    return files


@functools.lru_cache(maxsize=16)
def _parsed(text: str) -> Recipe:
    return parse_recipe(text)

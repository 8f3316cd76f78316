"""Where a recipe's files go when it runs by itself, and what else of it is saved: by a name, and the file's ending.

A recipe says in its own output modules which files it writes. Whoever runs it may name other files for these, and files for anything
else that it makes: ``{"good": "good.parquet"}``. A file is written beside its place, and all of them get their names when the whole
recipe has run: what stands under a name is whole, and a recipe that fails leaves nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from beamloom.rules.errors import RuleRefused, closest
from beamloom.rules.files import sync
from beamloom.rules.recipes.recipe import Recipe, Step
from beamloom.rules.recipes.registry import find_module
from beamloom.rules.recipes.values import said

ENDINGS: Final = {
    ".tif": "output.ImageOutput",
    ".tiff": "output.ImageOutput",
    ".parquet": "output.TableOutput",
    ".h5": "output.TableOutput",
}
"""What writes a file, by its ending."""


def with_outputs(recipe: Recipe, outputs: Mapping[str, str | Path]) -> Recipe:
    """``recipe``, writing ``outputs``: for a name that it writes anyway another file, for any other name a file more.

    Raises RuleRefused for a name that it neither makes nor takes, and for a file whose ending does not fit.
    """
    written = {step.written for step in recipe.steps if step.pattern}
    steps = [_elsewhere(step, outputs) for step in recipe.steps]
    steps += [_saving(recipe, name, str(file)) for name, file in outputs.items() if name not in written]
    return dataclasses.replace(recipe, steps=steps)


def _elsewhere(step: Step, outputs: Mapping[str, str | Path]) -> Step:
    if not step.pattern or step.written not in outputs:
        return step
    return dataclasses.replace(step, pattern=str(outputs[step.written]))


def _saving(recipe: Recipe, name: str, file: str) -> Step:
    kinds = {
        made: step.module.outputs[argument]
        for step in recipe.steps
        for argument, made in step.outputs.items()
    }
    kinds |= recipe.needs
    if name not in kinds:
        raise RuleRefused(
            f"the recipe makes no {name!r}{closest(name, kinds)}; it has: {', '.join(kinds) or 'nothing'}"
        )
    kind = kinds[name]
    fitting = [ending for ending, by in ENDINGS.items() if find_module(by).inputs == {"input_name": kind}]
    ending = Path(file).suffix.lower()
    if ending not in fitting:
        raise RuleRefused(
            f"{name!r} is {said(kind)}, which is written as {' or '.join(fitting)}, and not as {ending or 'a file without ending'}"
        )
    return Step(find_module(ENDINGS[ending]), 0, {"input_name": {"input_name": name}}, {}, {}, file)


class WholeFiles:
    """Gives files their names when all of them are written; see the module."""

    def __init__(self, *, overwrite: bool = False) -> None:
        """``overwrite``: files that are there are replaced."""
        self._overwrite = overwrite
        self._written: list[tuple[Path, Path]] = []

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return [path for _, path in self._written]

    def write(self, key: str, requested: Path) -> Path:
        """Where to write the file ``requested`` now. Raises RuleRefused where it is there already, or was asked for before."""
        if requested in self.paths:
            raise RuleRefused(f"{requested} would be written twice; give {key!r} another file")
        if requested.exists() and not self._overwrite:
            raise RuleRefused(f"{requested} is there already; move it away, or replace it by --overwrite")
        requested.parent.mkdir(parents=True, exist_ok=True)
        staged = requested.with_name(f".{requested.stem}.part{os.getpid()}{requested.suffix}")
        self._written.append((staged, requested))
        return staged

    @contextlib.contextmanager
    def together(self) -> Iterator[WholeFiles]:
        """All files get their names at the end of the block, and none where it is left by an error."""
        try:
            yield self
            for staged, _ in self._written:
                sync(staged)
            for staged, requested in self._written:
                os.replace(staged, requested)
        finally:
            for staged, _ in self._written:
                staged.unlink(missing_ok=True)

"""Runs a recipe on files: those that are named, those that a pattern finds when the rule starts, or what the rule before has written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from beamloom.rules.api.names import local
from beamloom.rules.api.rule import Rule
from beamloom.rules.errors import RuleRefused
from beamloom.rules.recipes import Recipe, parse_recipe, read_recipe
from beamloom.rules.recipes.running import file_context
from beamloom.rules.templates import fill


class RecipeRule(Rule):
    """One task for each set of files."""

    task: ClassVar[str] = "beamloom.rules.tasks.recipe:cook"
    resolve: ClassVar[str] = "beamloom.rules.tasks.recipe:resolve"

    def __init__(
        self,
        recipe: str | Recipe | None = None,
        recipeURI: str | Path | None = None,  # noqa: N803 - PYME's name
        output_dir: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        """``recipe`` is YAML text, or else ``recipeURI`` the path of a file with it. The recipe is checked at once.

        Of ``inputs`` (for each key a list of paths, or one pattern of paths), ``input_templates``, also called ``input_patterns`` (the
        same, with templates that the context fills), and ``rule_outputs`` (for each key one path, set by the rule before) the first that
        is given counts. ``output_dir`` may have templates; by default it is the folder of the first input. Raises RuleRefused.
        """
        inputs = kwargs.pop("inputs", None)
        templates = kwargs.pop("input_templates", None) or kwargs.pop("input_patterns", None)
        kwargs.pop("input_patterns", None)
        before = kwargs.pop("rule_outputs", None)
        super().__init__(**kwargs)
        self._inputs = _inputs(inputs, templates, before, self.context)
        self._recipe = _recipe(recipe, recipeURI, set(self._inputs))
        folder = "" if output_dir is None else fill(str(output_dir), self.context)
        self._folder = str(local(folder)) if folder else ""
        self.options.setdefault("chunk", 1)

    @property
    def name(self) -> str:
        """As given, or what the recipe writes."""
        return str(self.options.get("name") or "recipe: " + ", ".join(self._recipe.outputs()))

    def parameters(self) -> dict[str, Any]:
        """The recipe, its inputs, and what its patterns can name."""
        plain = {name: value for name, value in self.context.items() if isinstance(value, str | int | float)}
        return {
            "recipe": self._recipe.text,
            "inputs": self._inputs,
            "output_dir": self._folder,
            "context": plain,
        }

    @property
    def output_files(self) -> dict[str, str]:
        """What the recipe writes, where that can be told before: for one set of inputs without patterns."""
        single = {key: given[0] for key, given in self._inputs.items() if isinstance(given, list)}
        if len(single) < len(self._inputs) or any(len(given) != 1 for given in self._inputs.values()):
            return {}
        known = file_context(single, self._folder, self.parameters()["context"])
        return {key: str(local(fill(pattern, known))) for key, pattern in self._recipe.outputs().items()}

    def work_folder(self, folder: Path) -> Path:
        """Where it writes, as far as that can be told."""
        if self._folder:
            return Path(self._folder) / ".beamloom-rules"
        return super().work_folder(folder)

    def spec(self, folder: Path) -> Any:
        """Outputs are named by the recipe itself."""
        import msgspec

        return msgspec.structs.replace(super().spec(folder), outputs={})


def _recipe(recipe: str | Recipe | None, uri: str | Path | None, keys: set[str]) -> Recipe:
    if (recipe is None) == (uri is None):
        raise RuleRefused(
            "a recipe rule needs its recipe, either as recipe (YAML text) or as recipeURI (a path)"
        )
    if uri is not None:
        return read_recipe(local(uri), keys)
    return parse_recipe(recipe.text if isinstance(recipe, Recipe) else str(recipe), "recipe", keys)


def _inputs(
    inputs: Mapping[str, Any] | None,
    templates: Mapping[str, Any] | None,
    before: Mapping[str, str] | None,
    context: Mapping[str, Any],
) -> dict[str, str | list[str]]:
    """For each key a list of paths, or a pattern that is looked up when the rule starts."""
    given: Mapping[str, Any] | None = inputs
    if not given and templates:
        given = {
            key: [fill(str(one), context) for one in value]
            if isinstance(value, list)
            else fill(str(value), context)
            for key, value in templates.items()
        }
    if not given and before:
        given = {"input" if key == "results" else key: [path] for key, path in before.items()}
    if not given:
        raise RuleRefused(
            "a recipe rule needs its inputs: inputs={'input': [...]}, or input_templates={'input': '{{spool_dir}}/...'}, or a rule "
            "before it that says what it writes"
        )
    return {key: _paths(value) for key, value in given.items()}


def _paths(value: Any) -> str | list[str]:
    if isinstance(value, list | tuple):
        return [str(local(one)) for one in value]
    path = str(local(value))
    return path if any(letter in path for letter in "*?[") else [path]

"""Reads a description: which rules, with what, and how they follow each other. What is wrong in it is said with its line.

There are two ways to write how rules follow each other, and both may be mixed. ``on_completion`` nests from back to front, as the
constructors do. ``chain`` lists from front to back: each one follows the one before, unless ``after`` names others; so one may follow
several, and several may follow one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import yaml

from beamloom.located_yaml import FileError, Key, Located, on_line, parse_yaml
from beamloom.rules.api.options import OPTIONS
from beamloom.rules.errors import RuleRefused, closest
from beamloom.rules.policy import Condition, condition

STEP_KEYS: Final = frozenset(
    {
        "after",
        "arguments",
        "condition",
        "inputs",
        "name",
        "on_completion",
        "outputs",
        "owner",
        "priority",
        "rule",
    }
)
TOP_KEYS: Final = frozenset({"chain", "context", "title"})
MOST_STEPS: Final = 1000


class WrittenStep(msgspec.Struct, frozen=True, kw_only=True):
    """One rule as it is written."""

    rule: str
    name: str = ""
    arguments: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    outputs: dict[str, str] = {}
    condition: Condition = Condition()
    """Under which it follows."""
    after: list[int] = []
    """The steps that it follows, by their places; none: it starts at once."""
    where: str = ""
    """Where it stands, for sentences: ``line 3: `` or nothing."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that belong together, each behind those that it follows."""

    steps: list[WrittenStep]
    context: dict[str, Any] = {}
    """What templates can name."""
    title: str = ""


def read_description(text: str | bytes, *, as_yaml: bool) -> Description:
    """The description in a text, which is YAML or else JSON. Raises RuleRefused."""
    if as_yaml:
        try:
            shown = text if isinstance(text, str) else text.decode()
            located = parse_yaml(_without_aliases(shown), "line")
        except UnicodeDecodeError as error:
            raise RuleRefused("the description is not UTF-8 text; is it a YAML file?") from error
        except FileError as error:
            raise RuleRefused("; ".join(f"line {one.line}: {one.text}" for one in error.problems)) from error
        except RecursionError:
            raise RuleRefused("the description is nested too deeply; write it as a chain") from None
        return _read(located, lines=True)
    try:
        return as_description(msgspec.json.decode(text, type=dict[str, Any]))
    except RecursionError:
        raise RuleRefused("the description is nested too deeply; write it as a chain") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RuleRefused(
            f"the description is no mapping in JSON: {error}; send YAML with the content type application/yaml"
        ) from error


def as_description(written: Mapping[str, Any]) -> Description:
    """The description that a mapping is. Raises RuleRefused."""
    try:
        return _read(on_line(dict(written), 1), lines=False)
    except RecursionError:
        raise RuleRefused("the description is nested too deeply; write it as a chain") from None


def _without_aliases(text: str) -> str:
    """The same text. Raises RuleRefused for one with aliases, by which a few lines can stand for millions."""
    try:
        alias = next((token for token in yaml.scan(text) if isinstance(token, yaml.AliasToken)), None)
    except yaml.YAMLError:  # it is said with its line by who reads it
        return text
    if alias is not None:
        line = alias.start_mark.line + 1
        raise RuleRefused(
            f"line {line}: the alias *{alias.value} is not taken here; write out what it stands for"
        )
    return text


def _read(located: Located, *, lines: bool) -> Description:
    reading = _Reading(lines=lines)
    top = reading.mapping(located, "a description")
    nested = "rule" in top
    reading.known(located, TOP_KEYS | STEP_KEYS if nested else TOP_KEYS)
    if nested == ("chain" in top):
        raise RuleRefused(
            "a description has either one rule (rule: ..., with what follows it as on_completion) or a chain (chain: [...])"
        )
    context = reading.plain(top, "context", {})
    title = reading.plain(top, "title", "")
    reserved = sorted(set(context) & OPTIONS)
    if reserved:
        raise RuleRefused(
            f"{reading.where(top['context'])}{reserved[0]!r} in the context would be an option of every rule; "
            "write it under the arguments of the rule that is meant, or give the name for templates another spelling"
        )
    if nested:
        reading.step(located, [], ignored=TOP_KEYS)
    else:
        reading.chain(top["chain"])
    return Description(steps=reading.steps, context=context, title=title)


class _Reading:
    def __init__(self, *, lines: bool) -> None:
        self.steps: list[WrittenStep] = []
        self._lines = lines

    def where(self, located: Located) -> str:
        return f"line {located.line}: " if self._lines else ""

    def mapping(self, located: Located, what: str) -> dict[str, Located]:
        if not isinstance(located.value, dict):
            raise RuleRefused(f"{self.where(located)}{what} is a mapping of keys and values")
        return {key.text: item for key, item in located.value.items()}

    def known(self, located: Located, keys: frozenset[str]) -> None:
        for key in located.value:
            if isinstance(key, Key) and key.text not in keys:
                where = f"line {key.line}: " if self._lines else ""
                raise RuleRefused(
                    f"{where}there is no key {key.text!r} here{closest(key.text, keys)}; there are: {', '.join(sorted(keys))}"
                )

    def plain(self, mapping: dict[str, Located], key: str, default: Any) -> Any:
        """A value, which has to be of the same type as ``default``."""
        if key not in mapping or mapping[key].value is None:
            return default
        value = mapping[key].plain()
        if not isinstance(value, type(default)):
            wanted = "a mapping" if isinstance(default, dict) else "a text"
            raise RuleRefused(f"{self.where(mapping[key])}{key} is {wanted}, not {value!r:.100}")
        return value

    def chain(self, located: Located) -> None:
        """A list of steps, each behind the one before it."""
        if not isinstance(located.value, list) or not located.value:
            raise RuleRefused(f"{self.where(located)}chain is a list of rules, one at least")
        names: dict[str, int] = {}
        last: list[int] = []
        for one in located.value:
            written = self.mapping(one, "a rule")
            after = self._after(written["after"], names) if "after" in written else last
            place = self.step(one, after, ignored=frozenset())
            name = self.steps[place].name
            if name in names:
                raise RuleRefused(
                    f"{self.where(one)}two rules are called {name!r}; give each a name of its own"
                )
            if name:
                names[name] = place
            last = [place]

    def step(self, located: Located, after: list[int], ignored: frozenset[str]) -> int:
        """One step and all that it nests; its place."""
        written = self.mapping(located, "a rule")
        self.known(located, STEP_KEYS | ignored)
        rule = self.plain(written, "rule", "")
        if not rule:
            raise RuleRefused(f"{self.where(located)}which rule? give its name as rule: ...")
        if len(self.steps) >= MOST_STEPS:
            raise RuleRefused(
                f"a description has {MOST_STEPS} rules at most; submit the others by themselves"
            )
        place = len(self.steps)
        self.steps.append(
            WrittenStep(
                rule=rule,
                name=self.plain(written, "name", ""),
                arguments=self._arguments(written),
                inputs=self.plain(written, "inputs", {}),
                outputs=self._outputs(written),
                condition=self._condition(written),
                after=after,
                where=self.where(located),
            )
        )
        nested = written.get("on_completion")
        if nested is not None and nested.value is not None:
            for one in nested.value if isinstance(nested.value, list) else [nested]:
                if "after" in self.mapping(one, "on_completion"):
                    raise RuleRefused(
                        f"{self.where(one)}after belongs into a chain; this follows what it is nested in"
                    )
                self.step(one, [place], ignored=frozenset())
        return place

    def _arguments(self, written: dict[str, Located]) -> dict[str, Any]:
        arguments: dict[str, Any] = dict(self.plain(written, "arguments", {}))
        for key in ("name", "owner", "priority"):
            if key in written:
                arguments[key] = written[key].plain()
        return arguments

    def _outputs(self, written: dict[str, Located]) -> dict[str, str]:
        outputs = self.plain(written, "outputs", {})
        for key, path in outputs.items():
            if not isinstance(path, str):
                raise RuleRefused(
                    f"{self.where(written['outputs'])}the output {key!r} is a path, not {path!r:.100}"
                )
        return dict(outputs)

    def _condition(self, written: dict[str, Located]) -> Condition:
        if "condition" not in written:
            return Condition()
        try:
            return condition(written["condition"].plain())
        except RuleRefused as error:
            raise RuleRefused(f"{self.where(written['condition'])}{error}") from error

    def _after(self, located: Located, names: dict[str, int]) -> list[int]:
        given = located.plain()
        wanted = [] if given is None else given if isinstance(given, list) else [given]
        found = []
        for name in wanted:
            if not isinstance(name, str) or name not in names:
                raise RuleRefused(
                    f"{self.where(located)}after names {name!r:.100}{closest(str(name), names)}, and the rules before it in the chain "
                    f"are called: {', '.join(names) or 'nothing; give them names'}"
                )
            if names[name] not in found:
                found.append(names[name])
        return found
